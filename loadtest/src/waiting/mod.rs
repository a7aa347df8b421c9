//! A crowd that waits: thousands of devices with a ticket each, which ask again when they were told to.
//!
//! `crowd` draws from the seed who comes, with how many devices, when, and who will not wait or not come. `room` is what
//! all devices share; it knows the next request of each and what an answer means for it. `walk` wakes each at its instant.
//! `called` is the visit of somebody whose turn it is. `told` are the answers as a stranger reads them, `seen` is what was
//! observed of the line's fairness, `promises` what devices were told of their wait, and `proofs` tries to get a better place by asking twice.
//!
//! Where nobody needs a pass yet, `walk_in` is the visit of somebody who goes to the shop first, and `views` are the pages of those who
//! only look.
//!
//! A device is a row of a list and not a task: 156,000 of them wait in 20 MB, and only a request that is out is a task.

pub mod called;
pub mod crowd;
pub mod promises;
pub mod proofs;
pub mod room;
pub mod seen;
pub mod told;
pub mod views;
pub mod walk;
pub mod walk_in;
