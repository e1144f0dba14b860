//! What is said of what runs beside the server.

use cart_python::background::{Background, LONGEST_NAME};
use cart_python::procfile::{FILE, Process};
use cart_python::settings::PROCESSES;
use cart_supervisor::{ClientError, ServiceState, ServiceStatus};

/// After a start or restart.
pub(crate) fn background(background: &Background) -> Vec<String> {
    let names: Vec<String> = background.processes().map(|(name, _)| name).collect();
    let mut lines = Vec::new();
    if !names.is_empty() {
        lines.push(format!("Beside it, by the {FILE}: {}", names.join(", ")));
    }
    lines.extend(background.misnamed.iter().map(is_not_run));
    lines
}

/// Of a line whose name could be no log's.
pub(crate) fn is_not_run(line: &Process) -> String {
    format!(
        "Line {} of the {FILE} is not run: a name here has a to z, 0 to 9, - and _, at most \
         {LONGEST_NAME} of them",
        line.line
    )
}

/// When the supervisor could not be told of it.
pub(crate) fn no_background(error: &ClientError) -> String {
    format!("What the {FILE} has beside the server is as it was: {error}")
}

/// `status` of one.
pub(crate) fn background_state(service: &ServiceStatus, log: &str) -> String {
    let ServiceStatus { name, crashes, .. } = service;
    match &service.state {
        ServiceState::Running(_) if *crashes == 0 => format!("{name} is running"),
        ServiceState::Running(_) => {
            let times = if *crashes == 1 { "once".to_owned() } else { format!("{crashes} times") };
            format!("{name} is running; it was started again {times}: {log}")
        }
        ServiceState::Waiting => waiting(name),
        ServiceState::BackingOff { reason } | ServiceState::GaveUp { reason } => {
            format!("{name} ended ({reason}) and is being started again: {log}")
        }
    }
}

/// `status` of one that is about to begin.
pub(crate) fn waiting(name: &str) -> String {
    format!("{name} begins as soon as its predecessor has ended")
}

/// Of a line that is run beside the server, in so many processes.
pub(crate) fn would_run(line: &Process, count: u32) -> String {
    let Process { name, command, .. } = line;
    match count {
        0 => format!("`{command}` does not run: {} says {name}=0", PROCESSES.name),
        1 => format!("`{command}` runs beside the server, as {name}.1"),
        count => format!("`{command}` runs beside the server, as {name}.1 to {name}.{count}"),
    }
}

#[cfg(test)]
mod tests {
    use cart_core::process::ProcessId;
    use cart_supervisor::Probe;

    use super::*;

    #[test]
    fn how_each_process_beside_the_server_fares() {
        let state = |state, crashes| ServiceStatus {
            name: "worker.1".to_owned(),
            label: "worker".to_owned(),
            generation: 3,
            state,
            crashes,
            listen: Vec::new(),
            probe: Probe::Reaction,
            log: "/gear/logs/worker.1.log".into(),
        };
        let running = || ServiceState::Running(ProcessId { pid: 7, started: 1 });
        let reason = "exit code 7".to_owned();
        let states = [
            state(running(), 0),
            state(running(), 1),
            state(running(), 5),
            state(ServiceState::Waiting, 0),
            state(ServiceState::BackingOff { reason }, 2),
        ];
        let said = states.map(|state| background_state(&state, "logs/worker.1.log")).join("\n");
        insta::assert_snapshot!(said, @r"
        worker.1 is running
        worker.1 is running; it was started again once: logs/worker.1.log
        worker.1 is running; it was started again 5 times: logs/worker.1.log
        worker.1 begins as soon as its predecessor has ended
        worker.1 ended (exit code 7) and is being started again: logs/worker.1.log
        ");
    }
}
