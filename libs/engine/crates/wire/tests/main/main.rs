//! What holds for the crate as a whole, through its public interface.

mod allocation;
