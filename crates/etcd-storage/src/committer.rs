//! The thread that makes the buffer durable.

use std::any::Any;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tracing::{debug, error};

use crate::buffer::Buffer;
use crate::database::{self, Meta};
use crate::shared::{Disk, Shared};
use crate::view::View;

/// Commits when asked to, when enough has piled up, and when a change has waited long enough.
pub(crate) fn run(shared: &Shared) {
    while let Some(ticket) = wait(shared) {
        commit(shared);
        shared.control.lock().served = ticket;
        shared.done.notify_all();
    }
    shared.control.lock().stopped = true;
    shared.done.notify_all();
}

/// Waits for the next commit; none means stop.
fn wait(shared: &Shared) -> Option<u64> {
    let mut control = shared.control.lock();
    loop {
        if control.stop {
            return None;
        }
        let due = control.deadline.is_some_and(|deadline| deadline <= Instant::now());
        if due || control.urgent || control.requested > control.served {
            control.deadline = None;
            control.urgent = false;
            return Some(control.requested);
        }
        match control.deadline {
            Some(deadline) => {
                shared.wake.wait_until(&mut control, deadline);
            }
            None => shared.wake.wait(&mut control),
        }
    }
}

/// Writes what is buffered, if anything is. A failure is final.
fn commit(shared: &Shared) {
    let disk = shared.disk.lock();
    let Some(disk) = disk.as_ref() else { return };
    let Some((buffer, mark, old)) = freeze(shared) else { return };
    // Writers have room again. They may be about to wait: only the lock makes sure that they hear it.
    drop(shared.control.lock());
    shared.done.notify_all();
    let started = Instant::now();
    // A panic in the database must not leave everybody waiting for this thread.
    let result = catch_unwind(AssertUnwindSafe(|| write(disk, &buffer, mark, old)));
    match result {
        Ok(Ok(view)) => {
            if let Some(journal) = shared.journal.lock().as_mut() {
                journal.note(&buffer);
            }
            thaw(shared, view);
            shared.durable.store(mark, Ordering::Release);
            shared.times.observe(started.elapsed());
            shared.measure(disk);
            debug!(mark, changes = buffer.ops(), took_us = started.elapsed().as_micros(), "committed");
            recycle(shared, buffer);
        }
        Ok(Err(failure)) => poison(shared, &chain(&failure)),
        Err(panic) => poison(shared, &panic_text(panic.as_ref())),
    }
}

/// Takes the active buffer for this commit. Readers find it as the frozen one.
fn freeze(shared: &Shared) -> Option<(Arc<Buffer>, u64, Meta)> {
    let mut state = shared.state.write();
    if !state.dirty || state.failed.is_some() {
        return None;
    }
    let old = state.view.as_ref()?.meta();
    let empty = shared.spare.lock().take().unwrap_or_default();
    let buffer = Arc::new(std::mem::replace(&mut state.active, empty));
    state.frozen = Some(Arc::clone(&buffer));
    state.dirty = false;
    Some((buffer, state.mark, old))
}

fn write(disk: &Disk, buffer: &Buffer, mark: u64, old: Meta) -> Result<View, redb::Error> {
    database::commit(&disk.database, buffer, mark, old)?;
    disk.view()
}

/// Shows readers the commit in place of the frozen buffer.
fn thaw(shared: &Shared, view: View) {
    let view = Some(Arc::new(view));
    let mut state = shared.state.write();
    let frozen = state.frozen.take();
    let old = std::mem::replace(&mut state.view, view);
    drop(state);
    // Freed outside the lock: the view may be large; the buffer is still the caller's.
    drop((frozen, old));
}

/// Keeps the memory of a buffer that nobody reads any more.
fn recycle(shared: &Shared, buffer: Arc<Buffer>) {
    if let Ok(mut buffer) = Arc::try_unwrap(buffer) {
        buffer.clear();
        *shared.spare.lock() = Some(buffer);
    }
}

/// Refuses every further write. What was not committed stays readable until the process ends.
fn poison(shared: &Shared, reason: &str) {
    error!(error = reason, "commit failed, storage stops");
    shared.state.write().failed = Some(reason.into());
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(|s| &**s));
    format!("the database panicked: {}", text.unwrap_or("no message"))
}
