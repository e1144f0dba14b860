//! The Advanced Python cartridge's one program. The name it is called by picks the hook; hooks start
//! it as the supervisor by themselves.

use std::process::ExitCode;

fn main() -> ExitCode {
    cart_hooks::main()
}
