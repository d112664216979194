//! Faults of real components around the native relay: the program `cloud-bridge` between two Mosquittos, with traffic
//! both ways.
//!
//! Every test puts 100 messages per second on four topics each way, breaks something on either side, and then wants to
//! have everything at the other end: nothing lost, each topic in order, and nothing twice but what was on its way at a
//! cut. A plain consumer with the same session options listens at the source of each direction; where a broker itself
//! forgets something, no more may be lost than it lost. What is asked of all tests stands in [`scene`].

mod checked;
mod clock;
mod disk;
mod files;
mod links;
mod load;
mod process;
mod program;
mod scene;
mod storms;
mod tls;
