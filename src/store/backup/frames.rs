//! The shape of a backup file: a line, frames, a digest. Knows nothing of what they hold.

use std::io::{self, Read, Write};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::BackupFault;

/// No longer frame is written and none is accepted, so that a damaged length costs no memory.
const LONGEST_FRAME: usize = 64 * 1024;
const LONGEST_LINE: usize = 1024 * 1024;
const DIGEST: usize = 32;

pub struct FrameWriter<W> {
    out: Digesting<W>,
    frame: Vec<u8>,
}

impl<W: Write> FrameWriter<W> {
    pub fn new(out: W) -> Self {
        Self { out: Digesting::new(out), frame: Vec::with_capacity(LONGEST_FRAME) }
    }

    pub fn line(&mut self, text: &[u8]) -> io::Result<()> {
        if text.len() >= LONGEST_LINE {
            return Err(io::Error::other("the header is too long"));
        }
        self.out.write_all(text)?;
        self.out.write_all(b"\n")
    }

    pub fn data(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = LONGEST_FRAME - self.frame.len();
            let (now, later) = bytes.split_at(bytes.len().min(room));
            self.frame.extend_from_slice(now);
            bytes = later;
            if self.frame.len() == LONGEST_FRAME {
                self.flush()?;
            }
        }
        Ok(())
    }

    pub fn end_of_table(&mut self) -> io::Result<()> {
        if !self.frame.is_empty() {
            self.flush()?;
        }
        self.flush()
    }

    /// Writes the frame as it is; an empty one is the end mark.
    fn flush(&mut self) -> io::Result<()> {
        let length = u32::try_from(self.frame.len()).map_err(io::Error::other)?;
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(&self.frame)?;
        self.frame.clear();
        Ok(())
    }

    /// Length of the whole file and the digest that ends it.
    pub fn finish(self) -> io::Result<(u64, String)> {
        let Digesting { mut inner, digest, length } = self.out;
        let digest = digest.finalize();
        inner.write_all(&digest)?;
        inner.flush()?;
        Ok((length + DIGEST as u64, HEXLOWER.encode(&digest)))
    }
}

pub struct FrameReader<R> {
    input: Digesting<R>,
}

impl<R: Read> FrameReader<R> {
    pub fn new(input: R) -> Self {
        Self { input: Digesting::new(input) }
    }

    pub fn line(&mut self) -> Result<Vec<u8>, BackupFault> {
        let mut line = Vec::new();
        while line.len() < LONGEST_LINE {
            let [byte] = self.exactly::<1>()?;
            if byte == b'\n' {
                return Ok(line);
            }
            line.push(byte);
        }
        Err(BackupFault::NotABackup { why: "its first line has no end".to_owned() })
    }

    /// The next frame of this table; `None` after the last one.
    pub fn data(&mut self) -> Result<Option<Vec<u8>>, BackupFault> {
        let length = usize::try_from(u32::from_be_bytes(self.exactly()?)).unwrap_or(usize::MAX);
        if length > LONGEST_FRAME {
            return Err(BackupFault::Damaged);
        }
        let mut frame = vec![0; length];
        self.input.read_exact(&mut frame).map_err(cut_short)?;
        Ok((length > 0).then_some(frame))
    }

    /// Checks the digest and that nothing follows it.
    pub fn finish(self) -> Result<(u64, String), BackupFault> {
        let Digesting { mut inner, digest, length } = self.input;
        let digest = digest.finalize();
        let mut stored = [0_u8; DIGEST];
        inner.read_exact(&mut stored).map_err(cut_short)?;
        let more = inner.read(&mut [0_u8; 1]).map_err(BackupFault::Read)?;
        if more != 0 || !bool::from(digest.as_slice().ct_eq(&stored)) {
            return Err(BackupFault::Damaged);
        }
        Ok((length + DIGEST as u64, HEXLOWER.encode(&digest)))
    }

    fn exactly<const N: usize>(&mut self) -> Result<[u8; N], BackupFault> {
        let mut bytes = [0_u8; N];
        self.input.read_exact(&mut bytes).map_err(cut_short)?;
        Ok(bytes)
    }
}

fn cut_short(fault: io::Error) -> BackupFault {
    if fault.kind() == io::ErrorKind::UnexpectedEof { BackupFault::CutShort } else { BackupFault::Read(fault) }
}

/// Whatever passes through is counted and digested.
struct Digesting<I> {
    inner: I,
    digest: Sha256,
    length: u64,
}

impl<I> Digesting<I> {
    fn new(inner: I) -> Self {
        Self { inner, digest: Sha256::new(), length: 0 }
    }

    fn note(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.length += bytes.len() as u64;
    }
}

impl<W: Write> Digesting<W> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.note(bytes);
        self.inner.write_all(bytes)
    }
}

impl<R: Read> Digesting<R> {
    fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.inner.read_exact(bytes)?;
        self.note(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(tables: &[Vec<u8>]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = FrameWriter::new(&mut out);
        writer.line(b"header").unwrap();
        for table in tables {
            writer.data(table).unwrap();
            writer.end_of_table().unwrap();
        }
        let (length, _) = writer.finish().unwrap();
        assert_eq!(length, out.len() as u64);
        out
    }

    fn read(file: &[u8], tables: usize) -> Result<Vec<Vec<u8>>, BackupFault> {
        let mut reader = FrameReader::new(file);
        reader.line()?;
        let mut out = Vec::new();
        for _ in 0..tables {
            let mut table = Vec::new();
            while let Some(data) = reader.data()? {
                table.extend(data);
            }
            out.push(table);
        }
        reader.finish()?;
        Ok(out)
    }

    #[test]
    fn a_table_longer_than_a_frame_comes_back_whole() {
        for length in [LONGEST_FRAME - 1, LONGEST_FRAME, LONGEST_FRAME + 1, 3 * LONGEST_FRAME] {
            let table = vec![7; length];
            assert_eq!(read(&file(std::slice::from_ref(&table)), 1).unwrap(), [table]);
        }
    }

    proptest! {
        #[test]
        fn tables_come_back_as_they_were(tables in proptest::collection::vec(any::<Vec<u8>>(), 0..4)) {
            prop_assert_eq!(read(&file(&tables), tables.len()).unwrap(), tables);
        }

        #[test]
        fn a_changed_missing_or_added_byte_is_noticed(
            tables in proptest::collection::vec(any::<Vec<u8>>(), 1..3),
            at in any::<prop::sample::Index>(),
            flip in 1_u8..,
        ) {
            let whole = file(&tables);
            let at = at.index(whole.len());
            let mut changed = whole.clone();
            changed[at] ^= flip;
            prop_assert!(read(&changed, tables.len()).is_err());
            prop_assert!(read(&whole[..at], tables.len()).is_err());
            prop_assert!(read(&[&whole[..], &[0]].concat(), tables.len()).is_err());
        }
    }
}
