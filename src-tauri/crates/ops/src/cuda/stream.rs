//! How does foreign CUDA work get into the order of burn's own launches?
//!
//! cubecl runs everything of a device on one thread, in order. A task submitted to that thread sees the device's
//! stream and the addresses of buffers; whatever it launches on the stream comes after all that was launched
//! before and before all that follows. Nothing waits on the host.

use std::cell::RefCell;

use cubecl::{
    client::Client,
    device::DeviceId,
    device_handle::DeviceHandle,
    server::{BufferBinding, Handle, ServerError},
};
use cubecl_environment::{backtrace::BackTrace, stream::StreamId};
use cubecl_server::{
    runtime::Runtime,
    server::ServerStorage,
    stream::{ExecuteScope, WriteScoped, failed_writing},
};
use cudarc::driver::sys::CUstream;

type Server = <cubecl::cuda::CudaRuntime as Runtime>::Server;

thread_local! {
    /// Opening a handle takes a lock that every thread shares.
    static HANDLES: RefCell<Vec<(DeviceId, DeviceHandle<Server>)>> = const { RefCell::new(Vec::new()) };
}

fn device_thread(device: DeviceId) -> DeviceHandle<Server> {
    HANDLES.with_borrow_mut(|handles| {
        if let Some((_, handle)) = handles.iter().find(|(known, _)| *known == device) {
            return handle.clone();
        }
        let handle = DeviceHandle::<Server>::new(device);
        handles.push((device, handle.clone()));
        handle
    })
}

/// Queues `work(stream, addresses)` behind everything launched so far; the addresses are those of `reads`, then
/// of `write`. Returns at once. If the work fails, reading the written buffer later fails with its message.
pub(super) fn on_stream(
    client: &Client,
    reads: [&Handle; 2],
    write: &Handle,
    work: impl FnOnce(CUstream, [u64; 3]) -> Result<(), String> + Send + 'static,
) {
    let stream = StreamId::current();
    let bindings: [BufferBinding; 3] = [reads[0], reads[1], write].map(|handle| handle.clone().binding());
    device_thread(client.service_id().device).submit(move |server: &mut Server| {
        let written = vec![bindings[2].clone()];
        // Addresses first: within the scope below the written buffer is claimed and would be refused.
        let mut resources = Vec::with_capacity(bindings.len());
        let mut addresses = [0; 3];
        for (binding, address) in bindings.iter().zip(&mut addresses) {
            match server.get_resource(binding.clone(), stream) {
                Ok(resource) => {
                    *address = resource.resource().ptr;
                    resources.push(resource); // keeps the buffer until the work is queued
                }
                Err(error) => return failed_writing(server, stream, written, error),
            }
        }
        // A failure marks the written buffer, so it is not lost with this result.
        let _ = ExecuteScope::over(server, stream, written).execute(|server| {
            // Held until the launch: dropping it fences buffers of other streams.
            let mut streams = server.write_streams().resolve(stream, bindings.iter())?;
            let current: CUstream = streams.current().sys;
            work(current, addresses)
                .map_err(|reason| ServerError::Generic { reason, backtrace: BackTrace::capture() })
        });
    });
}
