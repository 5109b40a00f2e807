//! Do links between our own documents lead somewhere?

use crate::tidy::{Finding, Tree};

/// Every link of a Markdown file that stays in the checkout points to a file or folder in it.
pub(super) fn links_lead_somewhere(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts(&["md"]) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut fenced = false;
        for (index, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            }
            if fenced {
                continue;
            }
            for target in targets(&without_code(line)) {
                let found = resolve(folder, &target).is_some_and(|target| tree.holds(&target));
                if is_internal(&target) && !found {
                    let what = format!("the link to `{target}` leads nowhere");
                    findings.push(Finding::new(path, index + 1, what, "correct the path or remove the link"));
                }
            }
        }
    }
    findings
}

/// `[text](target)`, `![text](target "title")` and `[name]: target`.
fn targets(line: &str) -> Vec<String> {
    let inline = line.split("](").skip(1).map(|rest| rest.split(')').next().unwrap_or_default());
    let definition = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target);
    inline
        .chain(definition)
        .filter_map(|target| target.split_whitespace().next())
        .map(|target| target.trim_matches(['<', '>']).replace("%20", " "))
        .collect()
}

/// The line without its `code spans`.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

fn is_internal(target: &str) -> bool {
    let address = target.contains("://") || target.starts_with("mailto:");
    !address && !target.starts_with('#')
}

/// The path from the root; nothing if it leaves the checkout.
fn resolve(folder: &str, target: &str) -> Option<String> {
    let path = target.split(['#', '?']).next().unwrap_or_default();
    // A leading slash means the root of the checkout, as code hosts read it.
    let mut parts: Vec<&str> = if path.starts_with('/') { vec![] } else { folder.split('/').collect() };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.retain(|part| !part.is_empty());
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    parts.retain(|part| !part.is_empty());
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn links_are_resolved_from_their_file() {
        let page = "src-tauri/ARCHITECTURE.md";
        let rows = [
            ("[a](crates/ops/src/lib.rs)", true),
            ("[a](../README.md#start)", true),
            ("[a](/README.md \"title\")", true),
            ("[a](crates/ops) and [b](./crates/)", true),
            ("[a](https://example.org/x) [b](#here) [c](mailto:a@example.org)", true),
            ("a call `x[0](y)` in code", true),
            ("[a]: ../README.md", true),
            ("[a](crates/gone.rs)", false),
            ("[a](README.md)", false),
            ("[a](../../outside.md)", false),
            ("![a](../icons/gone.svg)", false),
            ("[a]: gone.md", false),
        ];
        for (line, good) in rows {
            let text = format!("# Title\n{line}\n```\n[x](in/a/fence)\n```\n");
            let tree = [(page, text.as_str()), ("README.md", ""), ("src-tauri/crates/ops/src/lib.rs", "")];
            let expected = if good { vec![] } else { vec![format!("{page}:2")] };
            assert_eq!(places(links_lead_somewhere, &tree), expected, "{line}");
        }
    }
}
