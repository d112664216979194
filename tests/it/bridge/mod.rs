//! The bridge against a cloud whose tokens expire, and its outbox under a program that dies.

mod cloud;
mod faults;
mod gateway;
mod keys;
mod profiles;
mod rollovers;
mod scene;
mod store;
mod tls;
mod token;
