//! What each fuzz target does with its bytes, apart from the fuzzer: the same functions are run over `seeds/` by
//! `gateway/tests/fuzz_seeds.rs`, so that CI knows every input that ever found something.
//!
//! | target | room | what is demanded |
//! |---|---|---|
//! | `segment` | `journal` | no panic; what `inspect` calls good opens, and ends where it says |
//! | `journal` | `journal` | of a changed journal a beginning is found, record by record, or nothing opens |
//! | `fact` | `facts` | what is read is written and read again as the same |
//! | `facts` | `facts` | a fact that fits is applied without a panic and takes no more units than there are |
//! | `request` | `requests` | no panic; a refusal is a problem document; settings survive the way out and in |
//! | `connector` | `connectors` | no panic; who is sent back is sent to a host of the list; no token without the secret |
//! | `draw` | `draws` | no panic; a draw that holds does so no longer when a bit of an entry is changed |
//! | `import_*` | `imports` | no panic, no silence; what is sent is read by the server as the same |

pub mod connectors;
pub mod draws;
pub mod facts;
pub mod imports;
pub mod journal;
pub mod past;
pub mod requests;
