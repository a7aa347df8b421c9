//! The HTTP gateway of onsale and its command line.

pub mod import;
pub mod wire {
    //! JSON shapes, apart from engine types.
    pub mod slot;
}
