//! The whole `main` of a program that supervises: `supervise RUN_DIR LOGS_DIR`.

use std::process::ExitCode;

use camino::Utf8PathBuf;

fn main() -> ExitCode {
    let inherited = cart_core::inherited::adopt();
    let mut places = std::env::args().skip(1).map(Utf8PathBuf::from);
    let (Some(run), Some(logs)) = (places.next(), places.next()) else {
        return ExitCode::from(cart_core::entry::USAGE);
    };
    match inherited.map_err(Into::into).and_then(|()| cart_supervisor::supervise(&run, &logs)) {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody reads our standard error; the supervisor's log has the reason.
        Err(_) => ExitCode::FAILURE,
    }
}
