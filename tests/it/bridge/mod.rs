//! The bridge against a cloud whose tokens expire.

mod cloud;
mod keys;
mod token;
