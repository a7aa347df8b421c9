//! The one door to locks. Everything that locks takes its `Mutex` from here, so that a test can put shuttle's in its
//! place and try the interleavings (`--features shuttle`).

#[cfg(not(feature = "shuttle"))]
pub use parking_lot::{Mutex, MutexGuard};

#[cfg(feature = "shuttle")]
pub use explored::{Mutex, MutexGuard};

#[cfg(feature = "shuttle")]
mod explored {
    //! shuttle's mutex with parking_lot's face: no poisoning, `lock` gives the guard.
    pub use shuttle::sync::MutexGuard;

    /// A mutex whose waiting is decided by shuttle's scheduler.
    #[derive(Debug, Default)]
    pub struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        /// Puts a value behind a lock.
        pub fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }

        /// Waits for the lock.
        pub fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
        }

        /// The lock, if nobody has it.
        pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            self.0.try_lock().ok()
        }

        /// The value, if nobody else can have it.
        pub fn get_mut(&mut self) -> &mut T {
            self.0.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner)
        }
    }
}
