//! Cloud models: providers that play a script on loopback, behind the real server.

mod accounts;
mod answers;
mod attempts;
mod continuation;
mod faults;
mod repairs;
mod requests;
mod setup;
mod specs;
mod tools;
mod upstream;
mod vendors;
