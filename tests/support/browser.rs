//! A browser without scripts: it keeps cookies, follows redirects, and fills in the forms of the pages it is given.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::appliance::Appliance;
use super::in_time;
use super::ldap::handshake;

pub struct Browser {
    address: SocketAddr,
    ca: PathBuf,
    pub host: String,
    pub cookies: BTreeMap<String, String>,
    /// Sent with each request.
    pub headers: Vec<(String, String)>,
}

/// What came back.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// Where it was at last.
    pub path: String,
}

impl Page {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Without tags and isolates, blanks made one: as it is read.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut inside = false;
        for letter in self.body.chars() {
            match letter {
                '<' => inside = true,
                '>' => {
                    inside = false;
                    text.push(' ');
                }
                '\u{2068}' | '\u{2069}' => {}
                letter if !inside => text.push(letter),
                _ => {}
            }
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ").replace("&#39;", "'").replace("&amp;", "&")
    }

    pub fn says(&self, what: &str) -> bool {
        self.text().contains(what)
    }

    /// The value of the first attribute that begins so: `value_of("name=\"csrf\" value=\"")`.
    pub fn after(&self, start: &str) -> Option<&str> {
        self.body.split_once(start)?.1.split('"').next()
    }

    /// The CSRF token of its forms.
    pub fn csrf(&self) -> &str {
        self.after("name=\"csrf\" value=\"").unwrap_or_default()
    }
}

impl Browser {
    pub fn at(appliance: &Appliance) -> Self {
        Self {
            address: appliance.web_addr,
            ca: appliance.ca_path.clone(),
            host: format!("localhost:{}", appliance.web_addr.port()),
            cookies: BTreeMap::new(),
            headers: vec![],
        }
    }

    pub fn ca(&self) -> &Path {
        &self.ca
    }

    /// One request, no redirect followed.
    pub async fn request(&mut self, method: &str, path: &str, more: &[(&str, &str)], body: &str) -> Page {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.host);
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        for (name, value) in more {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if !self.cookies.is_empty() {
            let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let _ = write!(head, "Cookie: {}\r\n", cookies.join("; "));
        }
        if method == "POST" {
            let _ = write!(head, "Content-Length: {}\r\n", body.len());
        }
        let raw = self.raw(format!("{head}\r\n{body}").as_bytes()).await;
        let page = parse(&raw, path);
        for (_, cookie) in page.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        page
    }

    /// Bytes as they are; the answer as it is.
    pub async fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let mut stream = handshake(stream, self.address.ip(), &self.ca).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = vec![];
        // A connection may end without TLS's own goodbye.
        let _ = in_time("a page", stream.read_to_end(&mut answer)).await;
        answer
    }

    pub async fn get(&mut self, path: &str) -> Page {
        let page = self.request("GET", path, &[], "").await;
        self.follow(page).await
    }

    async fn follow(&mut self, mut page: Page) -> Page {
        for _ in 0..5 {
            let (303, Some(to)) = (page.status, page.header("location").map(str::to_owned)) else { return page };
            page = self.request("GET", &to, &[], "").await;
        }
        panic!("redirected for ever: {page:?}")
    }

    /// Sends a form of this page, as a browser does.
    pub async fn submit(&mut self, page: &Page, to: &str, fields: &[(&str, &str)]) -> Page {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("csrf", page.csrf());
        for (name, value) in fields {
            form.append_pair(name, value);
        }
        let page = self.post(to, &form.finish()).await;
        self.follow(page).await
    }

    /// Posts a body as a page of ours would, no redirect followed.
    pub async fn post(&mut self, to: &str, body: &str) -> Page {
        let origin = format!("https://{}", self.host);
        let headers = [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Origin", origin.as_str()),
            ("Sec-Fetch-Site", "same-origin"),
        ];
        self.request("POST", to, &headers, body).await
    }

    /// Name and password at the first page.
    pub async fn sign_in(&mut self, name: &str, password: &str) -> Page {
        let page = self.get("/sign-in").await;
        self.submit(&page, "/sign-in", &[("name", name), ("password", password)]).await
    }

    /// An answer to the question on this page.
    pub async fn answer(&mut self, page: &Page, answer: &str) -> Page {
        self.submit(page, "/sign-in/next", &[("answer", answer)]).await
    }
}

fn parse(raw: &[u8], path: &str) -> Page {
    let text = String::from_utf8_lossy(raw);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no page: {text:?}"));
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Page { status, headers, body: body.to_owned(), path: path.to_owned() }
}
