//! How do token ids become rows of the embedding table?

use burn::tensor::{Int, Tensor};

/// Rows of `table` by token id.
///
/// The caller has checked that every id is below `vocab`: a GPU kernel would read out of bounds.
///
/// # Shapes
/// - table: `[vocab, hidden]`, ids: `[tokens]`
/// - output: `[tokens, hidden]`
pub fn embedding(table: Tensor<2>, ids: Tensor<1, Int>) -> Tensor<2> {
    table.select(0, ids)
}
