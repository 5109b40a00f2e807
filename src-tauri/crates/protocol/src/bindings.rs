//! The same types in TypeScript: one text that `cargo xtask codegen` writes and the interface imports.

use std::collections::BTreeMap;

use ts_rs::{Config, TS, TypeVisitor};

#[allow(clippy::wildcard_imports, reason = "the list of commands names most types")]
use crate::*;

/// Where the text belongs, from the root of the checkout.
pub const BINDINGS_FILE: &str = "ui/src/bindings/protocol.ts";

const HEADER: &str = "\
// What may be asked through a door, and what comes back.
// Made by `cargo xtask codegen` from src-tauri/crates/protocol; changes belong there.
";

/// All declarations and the map of commands.
pub fn bindings() -> String {
    let config = Config::new().with_large_int("number");
    let mut found = Found { config: &config, declarations: BTreeMap::new() };
    let mut commands = String::new();
    macro_rules! rows {
        ($($(#[doc = $doc:literal])* $name:ident($request:ty) -> $reply:ty,)+) => {$(
            found.visit::<$request>();
            found.visit::<$reply>();
            let docs = [$($doc),*].map(str::trim).join(" ");
            let (request, reply) = (<$request>::name(&config), <$reply>::name(&config));
            let name = stringify!($name);
            commands += &format!("  /** {docs} */\n  {name}: {{ request: {request}; reply: {reply} }};\n");
        )+};
    }
    for_each_command!(rows);
    found.visit::<Envelope>();
    found.visit::<ErrorBody>();
    let mut text = HEADER.to_owned();
    for declaration in found.declarations.values() {
        text += "\n";
        text += declaration;
    }
    text += "\n/** Every command: what it takes and what it gives. */\nexport type Commands = {\n";
    text += &commands;
    text += "};\n\n/** Names of all commands. */\nexport type CommandName = keyof Commands;\n";
    text
}

struct Found<'c> {
    config: &'c Config,
    declarations: BTreeMap<String, String>,
}

impl TypeVisitor for Found<'_> {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if T::output_path().is_some() {
            let name = T::ident(self.config);
            if self.declarations.contains_key(&name) {
                return;
            }
            let docs = T::docs().unwrap_or_default();
            let text = compact(&format!("{docs}export {}\n", T::decl(self.config)));
            self.declarations.insert(name, text);
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}

/// A comment of one line takes one line, and a field begins where its line does.
fn compact(text: &str) -> String {
    text.replace("/**\n * ", "/** ")
        .replace("\n */\n", " */\n")
        .replace("{ \n", "{\n")
        .replace(", \n", ",\n")
        .replace(", };", ",\n};")
}

#[cfg(test)]
mod tests {
    use super::bindings;

    #[test]
    fn every_named_type_is_declared_once() {
        let text = bindings();
        for name in ["Chat", "ErrorCode", "TrainEvent", "MetricRow", "ModelChoice", "Commands", "RunId"] {
            let declared = text.matches(&format!("export type {name} ")).count();
            assert_eq!(declared, 1, "{name}");
        }
        assert!(text.contains("send_message: { request: SendMessage; reply: SentMessage };"));
        assert!(!text.contains("bigint"), "JSON numbers are numbers");
    }
}
