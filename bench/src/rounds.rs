//! Pairs measured side by side: A B A B …, so that whatever else the machine does meets both alike. What counts is the
//! median of the ratios within each round.

use crate::Fault;
use crate::load::Run;

/// A median and its extremes.
#[derive(Clone, Copy)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |at: usize| values.get(at).copied().unwrap_or(f64::NAN);
        let last = values.len().saturating_sub(1);
        let middle = at(last / 2).midpoint(at(values.len() / 2));
        Self { median: middle, least: at(0), most: at(last) }
    }
}

/// One contender's runs, one a round.
pub struct Series {
    pub name: &'static str,
    pub runs: Vec<Run>,
}

impl Series {
    pub fn rate(&self) -> Spread {
        self.each(Run::rate)
    }

    /// Latency in microseconds.
    pub fn quantile(&self, of: f64) -> Spread {
        self.each(|run| run.quantile(of).as_secs_f64() * 1e6)
    }

    /// Microseconds of processor time per operation of one process.
    pub fn cpu(&self, process: &str) -> Spread {
        self.each(|run| {
            let found = run.cpu.iter().find(|(name, _)| *name == process);
            found.map_or(f64::NAN, |(_, used)| used.as_secs_f64() * 1e6)
        })
    }

    /// This one's rate over the other's, round by round.
    pub fn over(&self, other: &Self) -> Spread {
        Spread::of(self.runs.iter().zip(&other.runs).map(|(own, other)| own.rate() / other.rate()).collect())
    }

    fn each(&self, figure: impl Fn(&Run) -> f64) -> Spread {
        Spread::of(self.runs.iter().map(figure).collect())
    }
}

/// Runs every contender once a round. The first round warms caches, pools and branch predictors and is not counted.
pub async fn alternate<Contender>(
    rounds: usize,
    contenders: &[(&'static str, Contender)],
    run: impl AsyncFn(&Contender) -> Result<Run, Fault>,
) -> Result<Vec<Series>, Fault> {
    let mut series: Vec<Series> = contenders.iter().map(|(name, _)| Series { name, runs: vec![] }).collect();
    for round in 0..=rounds {
        for ((name, contender), series) in contenders.iter().zip(&mut series) {
            let run = run(contender).await.map_err(|fault| format!("{name}: {fault}"))?;
            if round > 0 {
                series.runs.push(run);
            }
        }
    }
    Ok(series)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        assert_eq!(Spread::of(vec![4.0, 1.0, 2.0, 10.0]).median, 3.0);
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]).median, 2.0);
    }
}
