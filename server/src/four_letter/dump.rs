//! `dump`: sessions, their ephemerals, their connections, and when silence ends each.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tokio::sync::oneshot;

use super::clients;
use crate::handshake::PATIENCE;
use crate::pipeline::Message;
use crate::shared::Shared;

pub(super) async fn dump(shared: &Shared) -> String {
    let (asker, answer) = oneshot::channel();
    let _ = shared.pipeline().send(Message::Sessions(asker));
    let sessions = answer.await.unwrap_or_default();
    let clock = Clock::of(shared);
    let mut text = String::from("SessionTracker dump:\nSession ");
    let ends = sessions.into_iter().map(|(id, ends_ms)| (ends_ms, format!("{id:#x}")));
    clock.sets(&mut text, ends);
    ephemerals(&mut text, shared);
    text.push_str("Connections dump:\nConnections ");
    let ends = clients::all(shared).into_iter().map(|connection| {
        let ends_ms = match connection.served() {
            Some(served) => served.activity.ends_ms(),
            None => {
                let age_ms = clock.since_1970_ms - connection.traffic.established_ms;
                clock.now_ms - age_ms + PATIENCE.as_millis() as i64
            }
        };
        let (peer, session) = (clients::address(connection.peer), connection.session_id());
        (ends_ms, format!("ip: {peer} sessionId: {session:#x}"))
    });
    clock.sets(&mut text, ends);
    text
}

fn ephemerals(text: &mut String, shared: &Shared) {
    let state = shared.state();
    let owners: Vec<i64> = state.ephemeral_owners().map(|(id, _)| id).collect();
    let _ = writeln!(text, "ephemeral nodes dump:\nSessions with Ephemerals ({}):", owners.len());
    for id in owners {
        let _ = writeln!(text, "{id:#x}:");
        for path in state.ephemerals(id, "") {
            let _ = writeln!(text, "\t{path}");
        }
    }
}

/// The server's own clock beside that on the wall.
struct Clock {
    now_ms: i64,
    since_1970_ms: i64,
    interval_ms: i64,
}

impl Clock {
    fn of(shared: &Shared) -> Clock {
        Clock {
            now_ms: shared.elapsed_ms(),
            since_1970_ms: shared.environment.wall_ms(),
            interval_ms: i64::from(shared.config.tick_time_ms).max(1),
        }
    }

    /// Writes what ends in the same interval together, under the interval's end.
    fn sets(&self, text: &mut String, all: impl Iterator<Item = (i64, String)>) {
        let mut sets: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        let mut count = 0;
        for (ends_ms, what) in all {
            let end = (ends_ms.div_euclid(self.interval_ms) + 1).saturating_mul(self.interval_ms);
            sets.entry(end).or_default().push(what);
            count += 1;
        }
        let _ = writeln!(text, "Sets ({})/({count}):", sets.len());
        for (ends_ms, mut set) in sets {
            set.sort_unstable();
            let date = date(self.since_1970_ms.saturating_add(ends_ms - self.now_ms));
            let _ = writeln!(text, "{} expire at {date}:", set.len());
            set.iter().for_each(|what| {
                let _ = writeln!(text, "\t{what}");
            });
        }
    }
}

/// A moment, given in milliseconds since 1970, as Java prints a date.
fn date(since_1970_ms: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = since_1970_ms.div_euclid(1000);
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let name = DAYS[day.rem_euclid(7) as usize];
    // Years that begin in March have their leap day at the end, in eras of 400.
    let shifted = day + 719_468;
    let (era, in_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let day_of_month = in_year - (153 * month + 2) / 5 + 1;
    let calendar = (month + 2) % 12;
    let year = year + era * 400 + i64::from(calendar < 2);
    format!(
        "{name} {} {day_of_month:02} {:02}:{:02}:{:02} UTC {year:04}",
        MONTHS[calendar as usize],
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_look_as_they_do_in_java() {
        assert_eq!(date(0), "Thu Jan 01 00:00:00 UTC 1970");
        assert_eq!(date(951_827_696_000), "Tue Feb 29 12:34:56 UTC 2000");
        assert_eq!(date(1_795_403_469_420), "Mon Nov 23 03:11:09 UTC 2026");
        assert_eq!(date(4_107_542_399_999), "Sun Feb 28 23:59:59 UTC 2100");
        assert_eq!(date(-1), "Wed Dec 31 23:59:59 UTC 1969");
    }
}
