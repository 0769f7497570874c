//! The binary as it is run: what it prints, and with what code it ends.

mod command_line;
mod generated;
mod parados;
mod parameter;
