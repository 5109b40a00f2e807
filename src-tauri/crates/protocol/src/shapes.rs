//! How are requests, replies and words declared, once and the same everywhere?

/// Something the user interface sends: unknown fields are refused, optional ones may be left out.
macro_rules! request {
    ($($(#[$meta:meta])* $name:ident { $($body:tt)* })+) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, ts_rs::TS)]
        #[serde(deny_unknown_fields)]
        #[ts(optional_fields = nullable)]
        pub struct $name { $($body)* }
    )+};
}

/// Something Eyewright answers: every field is there, `null` where there is nothing to say.
macro_rules! reply {
    ($($(#[$meta:meta])* $name:ident { $($body:tt)* })+) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, ts_rs::TS)]
        pub struct $name { $($body)* }
    )+};
}

/// A choice among words.
macro_rules! words {
    ($($(#[$meta:meta])* $name:ident { $($body:tt)* })+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, ts_rs::TS)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($body)* }
    )+};
}

/// What happens during a piece of work: one of several, told apart by `kind`.
macro_rules! happenings {
    ($($(#[$meta:meta])* $name:ident { $($body:tt)* })+) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, ts_rs::TS)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub enum $name { $($body)* }
    )+};
}
