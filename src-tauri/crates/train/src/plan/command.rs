//! A plan as the command line that makes the same plan.

use super::choices::Source;
use super::run_plan::RunPlan;
use super::value::Value;

impl RunPlan {
    /// `eyewright train …` with what the user chose, quoted for a POSIX shell; recipe and preset say the rest.
    pub fn to_command(&self) -> String {
        self.to_arguments().iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
    }

    /// The words of [`RunPlan::to_command`], as a program gets them.
    pub fn to_arguments(&self) -> Vec<String> {
        let mut words = vec!["eyewright".to_owned(), "train".to_owned()];
        // A model without a preset is found again by its folders.
        if !self.preset.is_empty() {
            words.extend(["--preset".to_owned(), self.preset.clone()]);
        }
        words.extend(["--recipe".to_owned(), self.recipe.clone()]);
        let folders = ["model.llm", "model.tower"];
        for row in self.rows().filter(|row| self.preset.is_empty() && row.source == Source::Preset) {
            if let (true, Value::Text(text)) = (folders.contains(&row.field.key), row.value)
                && !text.is_empty()
            {
                words.extend([format!("--{}", row.field.flag), text.clone()]);
            }
        }
        for row in self.rows().filter(|row| row.source == Source::User) {
            let text = match row.value {
                Value::Text(text) => text.clone(),
                value => value.to_string(),
            };
            match (row.field.flag, row.value) {
                ("", _) | (_, Value::Flag(false) | Value::List(_)) => {
                    words.extend(["--set".to_owned(), format!("{}={text}", row.field.key)]);
                }
                (flag, Value::Flag(true)) => words.push(format!("--{flag}")),
                // Joined by an equals sign, a value may begin with a dash.
                (flag, _) if text.starts_with('-') => words.push(format!("--{flag}={text}")),
                (flag, _) => words.extend([format!("--{flag}"), text]),
            }
        }
        words
    }
}

/// A word as a POSIX shell reads it back.
fn quote(word: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_./:=,@%+".contains(char);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn words_are_quoted_where_a_shell_would_change_them() {
        let rows = [
            ("--lr-llm", "--lr-llm"),
            ("a b", "'a b'"),
            ("", "''"),
            ("it's", r"'it'\''s'"),
            ("$HOME;rm", "'$HOME;rm'"),
            ("~/x", "'~/x'"),
            ("描述", "'描述'"),
        ];
        for (word, expected) in rows {
            assert_eq!(quote(word), expected);
        }
    }
}
