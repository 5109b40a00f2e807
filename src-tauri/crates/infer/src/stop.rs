//! Where does an answer end in its text, and how much of it may already be shown?
//!
//! A stop text may arrive in pieces, so an ending of the text that could still become one is held back.

/// Watches a growing text for stop texts.
#[derive(Clone, Debug)]
pub(crate) struct StopWatch {
    stops: Vec<String>,
    held: String,
}

/// What may be shown after a new piece of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Watched {
    /// Show this and go on.
    Going(String),
    /// Show this; a stop text follows and is left out.
    Stopped(String),
}

impl StopWatch {
    pub(crate) fn new(stops: impl IntoIterator<Item = String>) -> Self {
        Self { stops: stops.into_iter().filter(|stop| !stop.is_empty()).collect(), held: String::new() }
    }

    pub(crate) fn push(&mut self, piece: &str) -> Watched {
        self.held.push_str(piece);
        let found = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min();
        if let Some(at) = found {
            self.held.truncate(at);
            return Watched::Stopped(std::mem::take(&mut self.held));
        }
        let keep = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - keep);
        Watched::Going(std::mem::replace(&mut self.held, rest))
    }

    /// What was held back, once nothing more can follow.
    pub(crate) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Bytes at the end of `text` that are a beginning of `stop`.
fn overlap(text: &str, stop: &str) -> usize {
    stop.char_indices()
        .map(|(at, _)| at)
        .filter(|at| *at > 0 && text.ends_with(&stop[..*at]))
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_texts_never_show_however_they_are_cut() {
        let rows: [(&[&str], &[&str], &str, bool); 6] = [
            (&["<end>"], &["hi <e", "nd> rest"], "hi ", true),
            (&["<end>"], &["hi <e", "nt>"], "hi <ent>", false),
            (&["。", "完了"], &["好", "完", "成"], "好完成", false),
            (&["完了"], &["好完", "了吗"], "好", true),
            (&["aab"], &["aa", "aab"], "aa", true),
            (&[""], &["x"], "x", false),
        ];
        for (stops, pieces, expected, stopped) in rows {
            let mut watch = StopWatch::new(stops.iter().map(|s| (*s).to_owned()));
            let mut shown = String::new();
            let mut ended = false;
            for piece in pieces {
                match watch.push(piece) {
                    Watched::Going(text) => shown.push_str(&text),
                    Watched::Stopped(text) => {
                        shown.push_str(&text);
                        ended = true;
                        break;
                    }
                }
            }
            if !ended {
                shown.push_str(&watch.finish());
            }
            assert_eq!((shown.as_str(), ended), (expected, stopped), "{stops:?} {pieces:?}");
        }
    }
}
