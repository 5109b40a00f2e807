//! How does cuBLASLt multiply row-major matrices?
//!
//! Loaded at run time: nine functions of its C interface (cuBLAS 12 and 13). The library is column-major, so
//! `C = A·B` is asked for as `Cᵀ = Bᵀ·Aᵀ` on the same bytes. Sums are kept in f32 whatever the operands are.
//!
//! Reference: NVIDIA's cuBLAS documentation, chapter cuBLASLt; the numbers below are its enumerators.

use std::{
    cell::RefCell,
    collections::HashMap,
    ffi::{c_int, c_void},
    ptr,
    sync::LazyLock,
};

use cudarc::driver::{result, sys::CUstream};
use libloading::Library;

const LIBRARIES: &[&str] = if cfg!(windows) {
    &["cublasLt64_13.dll", "cublasLt64_12.dll"]
} else {
    &["libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"]
};

/// Scratch memory of one stream; the size NVIDIA recommends for Hopper is 32 MiB, more helps large products.
const WORKSPACE: usize = 64 << 20;

const COMPUTE_32F: i32 = 68;
const REAL_32F: i32 = 0;
const DESCRIPTION_TRANSPOSE_A: i32 = 3;
const DESCRIPTION_TRANSPOSE_B: i32 = 4;
const LAYOUT_BATCH_COUNT: i32 = 5;
const LAYOUT_BATCH_STRIDE: i32 = 6;
const PREFERENCE_WORKSPACE: i32 = 1;

type Object = *mut c_void;
type Attribute = unsafe extern "C" fn(Object, i32, *const c_void, usize) -> i32;

struct Functions {
    create: unsafe extern "C" fn(*mut Object) -> i32,
    new_description: unsafe extern "C" fn(*mut Object, i32, i32) -> i32,
    set_description: Attribute,
    new_layout: unsafe extern "C" fn(*mut Object, i32, u64, u64, i64) -> i32,
    set_layout: Attribute,
    new_preference: unsafe extern "C" fn(*mut Object) -> i32,
    set_preference: Attribute,
    heuristic: unsafe extern "C" fn(
        Object,
        Object,
        Object,
        Object,
        Object,
        Object,
        Object,
        c_int,
        *mut Algorithm,
        *mut c_int,
    ) -> i32,
    multiply: unsafe extern "C" fn(
        Object,
        Object,
        *const c_void,
        u64,
        Object,
        u64,
        Object,
        *const c_void,
        u64,
        Object,
        u64,
        Object,
        *const [u64; 8],
        u64,
        usize,
        CUstream,
    ) -> i32,
}

/// `cublasLtMatmulHeuristicResult_t`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Algorithm {
    algorithm: [u64; 8],
    workspace: usize,
    state: i32,
    waves: f32,
    reserved: [i32; 4],
}

static FUNCTIONS: LazyLock<Option<Functions>> =
    LazyLock::new(|| LIBRARIES.iter().find_map(|name| load(name)));

/// Whether the library is there.
pub(crate) fn present() -> bool {
    FUNCTIONS.is_some()
}

fn load(name: &str) -> Option<Functions> {
    // SAFETY: NVIDIA's library has no initialisers beyond its own; the types are those of its header.
    unsafe {
        let library = Box::leak(Box::new(Library::new(name).ok()?)); // functions are used until the program ends
        let functions = Functions {
            create: *library.get(b"cublasLtCreate\0").ok()?,
            new_description: *library.get(b"cublasLtMatmulDescCreate\0").ok()?,
            set_description: *library.get(b"cublasLtMatmulDescSetAttribute\0").ok()?,
            new_layout: *library.get(b"cublasLtMatrixLayoutCreate\0").ok()?,
            set_layout: *library.get(b"cublasLtMatrixLayoutSetAttribute\0").ok()?,
            new_preference: *library.get(b"cublasLtMatmulPreferenceCreate\0").ok()?,
            set_preference: *library.get(b"cublasLtMatmulPreferenceSetAttribute\0").ok()?,
            heuristic: *library.get(b"cublasLtMatmulAlgoGetHeuristic\0").ok()?,
            multiply: *library.get(b"cublasLtMatmul\0").ok()?,
        };
        Some(functions)
    }
}

/// The type of all three matrices' numbers, as `cudaDataType_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Numbers {
    F32 = 0,
    F16 = 2,
    Bf16 = 14,
}

/// How one operand lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Operand {
    /// Its columns are contiguous, not its rows.
    pub(super) transposed: bool,
    /// Elements from one row (column, if transposed) to the next.
    pub(super) leading: i64,
    /// Elements from one matrix of the batch to the next; 0 uses one matrix for all.
    pub(super) batch_stride: i64,
}

/// `out[batch, rows, columns] = a[batch, rows, inner] · b[batch, inner, columns]`, `out` contiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Product {
    pub(super) batch: i32,
    pub(super) rows: u64,
    pub(super) inner: u64,
    pub(super) columns: u64,
    pub(super) a: Operand,
    pub(super) b: Operand,
    pub(super) numbers: Numbers,
}

/// Descriptions of a product that cuBLASLt made once.
struct Plan {
    description: Object,
    a: Object,
    b: Object,
    out: Object,
    algorithm: [u64; 8],
}

struct State {
    functions: &'static Functions,
    handle: Object,
    workspaces: HashMap<usize, u64>,
    plans: HashMap<Product, Plan>,
}

thread_local! {
    /// Used on the device's own thread alone.
    static STATE: RefCell<Option<State>> = const { RefCell::new(None) };
}

/// Launches a product on `stream`; the addresses are those of a, b and out.
pub(super) fn launch(product: Product, stream: CUstream, addresses: [u64; 3]) -> Result<(), String> {
    STATE.with_borrow_mut(|state| {
        let state = match state {
            Some(state) => state,
            None => state.insert(State::new()?),
        };
        state.launch(product, stream, addresses)
    })
}

fn check(status: i32, what: &str) -> Result<(), String> {
    if status == 0 { Ok(()) } else { Err(format!("cuBLASLt: {what} failed with status {status}")) }
}

impl State {
    fn new() -> Result<Self, String> {
        let functions = FUNCTIONS.as_ref().ok_or("libcublasLt was not found")?;
        let mut handle = ptr::null_mut();
        // SAFETY: writes a handle to a local.
        check(unsafe { (functions.create)(&mut handle) }, "start")?;
        Ok(Self { functions, handle, workspaces: HashMap::new(), plans: HashMap::new() })
    }

    fn launch(&mut self, product: Product, stream: CUstream, [a, b, out]: [u64; 3]) -> Result<(), String> {
        let workspace = self.workspace(stream)?;
        if !self.plans.contains_key(&product) {
            let plan = self.plan(&product)?;
            self.plans.insert(product, plan);
        }
        let plan = &self.plans[&product];
        let (one, zero) = (1_f32, 0_f32);
        // SAFETY: the descriptions are this library's own; the addresses are live buffers of the described
        // sizes, kept until the launch is queued; one and zero are read before the call returns.
        let status = unsafe {
            (self.functions.multiply)(
                self.handle,
                plan.description,
                (&raw const one).cast(),
                b,
                plan.b,
                a,
                plan.a,
                (&raw const zero).cast(),
                out,
                plan.out,
                out,
                plan.out,
                &raw const plan.algorithm,
                workspace,
                WORKSPACE,
                stream,
            )
        };
        check(status, "multiplication")
    }

    /// One per stream: products of different streams run at the same time.
    fn workspace(&mut self, stream: CUstream) -> Result<u64, String> {
        let key = stream as usize;
        if let Some(workspace) = self.workspaces.get(&key) {
            return Ok(*workspace);
        }
        // SAFETY: the device's context is current on this thread. Never freed: it lives as long as the stream.
        let workspace = unsafe { result::malloc_sync(WORKSPACE) }.map_err(|error| error.to_string())?;
        self.workspaces.insert(key, workspace);
        Ok(workspace)
    }

    fn plan(&self, product: &Product) -> Result<Plan, String> {
        let Product { rows, inner, columns, .. } = *product;
        let description = self.description(product)?;
        let a = self.layout(product, [rows, inner], product.a)?;
        let b = self.layout(product, [inner, columns], product.b)?;
        let whole =
            Operand { transposed: false, leading: columns as i64, batch_stride: (rows * columns) as i64 };
        let out = self.layout(product, [rows, columns], whole)?;
        let algorithm = self.algorithm([description, b, a, out, out])?;
        Ok(Plan { description, a, b, out, algorithm })
    }

    fn description(&self, product: &Product) -> Result<Object, String> {
        let mut description = ptr::null_mut();
        // SAFETY: writes an object to a local, then copies two integers into it.
        unsafe {
            let status = (self.functions.new_description)(&mut description, COMPUTE_32F, REAL_32F);
            check(status, "description")?;
            let sides = [(DESCRIPTION_TRANSPOSE_A, product.b), (DESCRIPTION_TRANSPOSE_B, product.a)];
            for (attribute, operand) in sides {
                let transpose = i32::from(operand.transposed);
                let status = (self.functions.set_description)(
                    description,
                    attribute,
                    (&raw const transpose).cast(),
                    size_of::<i32>(),
                );
                check(status, "description")?;
            }
        }
        Ok(description)
    }

    /// A row-major `[rows, columns]` operand is a column-major one of `columns` rows.
    fn layout(
        &self,
        product: &Product,
        [rows, columns]: [u64; 2],
        operand: Operand,
    ) -> Result<Object, String> {
        let (tall, wide) = if operand.transposed { (rows, columns) } else { (columns, rows) };
        let mut layout = ptr::null_mut();
        // SAFETY: as in `description`.
        unsafe {
            let new = self.functions.new_layout;
            check(new(&mut layout, product.numbers as i32, tall, wide, operand.leading), "layout")?;
            if product.batch > 1 {
                let set = self.functions.set_layout;
                let (count, stride) = (&raw const product.batch, &raw const operand.batch_stride);
                check(set(layout, LAYOUT_BATCH_COUNT, count.cast(), size_of::<i32>()), "batch")?;
                check(set(layout, LAYOUT_BATCH_STRIDE, stride.cast(), size_of::<i64>()), "batch")?;
            }
        }
        Ok(layout)
    }

    /// The library's first choice: timing its eight best gained at most 15 % on Hopper.
    fn algorithm(&self, [description, a, b, c, d]: [Object; 5]) -> Result<[u64; 8], String> {
        let (mut preference, mut found) = (ptr::null_mut(), 0);
        let mut best = Algorithm::default();
        let limit = WORKSPACE;
        // SAFETY: objects of this library; one result is asked for and one has room.
        unsafe {
            check((self.functions.new_preference)(&mut preference), "preference")?;
            let status = (self.functions.set_preference)(
                preference,
                PREFERENCE_WORKSPACE,
                (&raw const limit).cast(),
                size_of::<usize>(),
            );
            check(status, "preference")?;
            let status = (self.functions.heuristic)(
                self.handle,
                description,
                a,
                b,
                c,
                d,
                preference,
                1,
                &mut best,
                &mut found,
            );
            check(status, "choice of an algorithm")?;
        }
        if found == 0 || best.state != 0 {
            return Err("cuBLASLt knows no algorithm for this product".into());
        }
        Ok(best.algorithm)
    }
}
