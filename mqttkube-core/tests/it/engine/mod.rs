//! The engine alone: events in, effects out. Tests are named after the rules that they show.

mod actions;
mod dispatch;
mod driver;
mod hostile;
mod launches;
mod results;
mod retries;
mod strangers;
mod watches;
mod writes;
