//! Which rules are there? One row per rule; each rule is explained in its own file.

mod bindings;
mod direction;
mod golden;
mod headers;
mod inheritance;
mod length;
mod links;
mod machine;
mod names;
mod panics;
mod weight;

use super::{Finding, Tree};

/// Looks at a tree and names every place that breaks the rule.
pub(crate) type Rule = fn(&Tree) -> Vec<Finding>;

/// Rules that must hold.
pub(crate) const RULES: &[(&str, Rule)] = &[
    ("dependency-direction", direction::crates_point_down),
    ("one-place", direction::some_crates_stay_in_one_place),
    ("bindings", bindings::bindings_are_current),
    ("inheritance", inheritance::packages_inherit),
    ("one-version", inheritance::one_version_per_dependency),
    ("header", headers::files_begin_with_a_header),
    ("panic", panics::shipped_code_does_not_panic_or_print),
    ("name", names::names_say_what_is_inside),
    ("golden", golden::goldens_have_a_provenance),
    ("weight", weight::files_are_small),
    ("machine-path", machine::no_path_of_one_machine),
    ("registry-host", machine::no_registry_host),
    ("link", links::links_lead_somewhere),
];

/// What is worth a look and breaks nothing.
pub(crate) const NOTES: &[(&str, Rule)] =
    &[("long-file", length::long_files), ("long-function", length::long_functions)];
