//! The table on a terminal, drawn anew with every look, until `q`, Esc or Ctrl-C.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use cart_gear::GearHome;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::widgets::{Cell, Paragraph, Row, Table};
use ratatui::{DefaultTerminal, Frame};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::row::{self, Course};
use super::{Seen, look};
use crate::shared::failure::Failure;

/// How soon it is noticed that somebody asks for an end by a signal, or the window has another size, in
/// nanoseconds.
const PATIENCE: i64 = 100_000_000;

/// What is looked at in another thread: the screen answers keys while a gear takes its time.
type Look = Result<Vec<Seen>, String>;

pub(super) fn show(gears: GearHome, interval: Duration) -> Result<(), Failure> {
    let (tell, told) = mpsc::sync_channel(1);
    // Its end ends the looking.
    let (_goes_on, ended) = mpsc::channel();
    let looking = std::thread::Builder::new().name("look".to_owned());
    let failed = |error| Failure::new(format!("the terminal cannot be used: {error}"));
    looking.spawn(move || keep_looking(&gears, interval, &tell, &ended)).map_err(failed)?;
    // The loss of the terminal (SIGHUP) may end us at once: there is nothing to put back.
    let end = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&end)).map_err(failed)?;
    }
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let shown = until_told_to_end(&mut terminal, &told, &end);
    ratatui::restore();
    shown.map_err(failed)?.map_err(Failure::new)
}

fn keep_looking(
    gears: &GearHome,
    interval: Duration,
    tell: &SyncSender<Look>,
    ended: &Receiver<()>,
) {
    loop {
        let seen = look(gears).map_err(|failure| failure.message);
        if tell.send(seen).is_err()
            || ended.recv_timeout(interval) != Err(RecvTimeoutError::Timeout)
        {
            return;
        }
    }
}

/// Answers what a look failed with, if one did.
fn until_told_to_end(
    terminal: &mut DefaultTerminal,
    told: &Receiver<Look>,
    end: &AtomicBool,
) -> std::io::Result<Result<(), String>> {
    let mut courses: HashMap<String, Course> = HashMap::new();
    let mut seen: Option<Vec<Seen>> = None;
    let mut changed = true;
    loop {
        match told.try_recv() {
            Ok(Ok(gears)) => {
                courses.retain(|name, _| gears.iter().any(|gear| gear.name == *name));
                gears
                    .iter()
                    .for_each(|gear| courses.entry(gear.name.clone()).or_default().note(gear));
                seen = Some(gears);
                changed = true;
            }
            Ok(Err(why)) => return Ok(Err(why)),
            Err(_) => {}
        }
        if changed {
            terminal.draw(|frame| draw(frame, seen.as_deref(), &courses))?;
        }
        changed = false;
        if !is_there(std::io::stdin())? || end.load(Ordering::Relaxed) {
            return Ok(Ok(()));
        }
        while event::poll(Duration::ZERO)? {
            match event::read()? {
                Event::Key(key) if key.kind == KeyEventKind::Press => {
                    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
                    match key.code {
                        KeyCode::Char('q') | KeyCode::Esc => return Ok(Ok(())),
                        KeyCode::Char('c') if ctrl => return Ok(Ok(())),
                        _ => {}
                    }
                }
                Event::Resize(..) => changed = true,
                _ => {}
            }
        }
    }
}

/// Waits for a key, for a moment, and answers whether the terminal is still there: of one that is gone,
/// crossterm would read for ever.
fn is_there(keyboard: impl AsFd) -> std::io::Result<bool> {
    let moment = Timespec { tv_sec: 0, tv_nsec: PATIENCE };
    let mut keyboard = [PollFd::new(&keyboard, PollFlags::IN)];
    match poll(&mut keyboard, Some(&moment)) {
        Ok(_) | Err(Errno::INTR) => {
            Ok(!keyboard[0].revents().intersects(PollFlags::HUP | PollFlags::ERR))
        }
        Err(other) => Err(other.into()),
    }
}

fn draw(frame: &mut Frame<'_>, seen: Option<&[Seen]>, courses: &HashMap<String, Course>) {
    let [title, body] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(frame.area());
    let count = match seen {
        None => "looking".to_owned(),
        Some([_]) => "1 gear".to_owned(),
        Some(gears) => format!("{} gears", gears.len()),
    };
    frame.render_widget(Paragraph::new(format!("gear top: {count}; q ends")), title);
    let nothing = Course::default();
    let rows: Vec<([String; 11], String)> = seen
        .unwrap_or_default()
        .iter()
        .map(|gear| {
            let course = courses.get(&gear.name).unwrap_or(&nothing);
            (row::cells(gear, Some(course)), course.sparkline())
        })
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|(cells, _)| cells[column].chars().count());
        cells.chain([row::HEAD[column].len()]).max().unwrap_or_default()
    };
    let mut widths: Vec<Constraint> =
        (0..row::HEAD.len()).map(|column| Constraint::Length(length(width(column)))).collect();
    widths.push(Constraint::Fill(1));
    let head = row::HEAD.into_iter().map(str::to_owned).chain([String::new()]);
    let table = Table::new(rows.into_iter().map(|(cells, course)| shown(cells, course)), widths)
        .header(Row::new(head).style(Style::new().add_modifier(Modifier::BOLD)))
        .column_spacing(2);
    frame.render_widget(table, body);
}

fn length(width: usize) -> u16 {
    u16::try_from(width).unwrap_or(u16::MAX)
}

/// What is not as it should be, in red: down, or somebody waits; yellow: it crashed.
fn shown(cells: [String; 11], course: String) -> Row<'static> {
    let [_, state, .., queued, _, crashes, _, _] = &cells;
    let some = |text: &String| text != "0" && text != "-";
    let marks = [
        (1, Color::Red, !matches!(state.as_str(), "started" | "stopped" | "idle")),
        (6, Color::Red, some(queued)),
        (8, Color::Yellow, some(crashes)),
    ];
    let cells = cells.into_iter().enumerate().map(|(at, text)| {
        let mark = marks.iter().find(|(column, _, is)| *column == at && *is);
        mark.map_or_else(
            || Cell::new(text.clone()),
            |(_, color, _)| Cell::new(text.clone()).style(*color),
        )
    });
    Row::new(cells.chain([Cell::new(course).style(Color::Cyan)]))
}
