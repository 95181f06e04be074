//! The span that a report is over, as a person writes it.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::time::UnixTime;

/// From and to. Days are whole ones of the zone: `--to 2026-11-30` reaches to the end of the 30th. On an error: the text
/// that is no time.
///
/// # Errors
/// When one of them is no date and no time.
pub fn read(
    from: Option<&str>,
    to: Option<&str>,
    zone: &TimeZone,
    now: UnixTime,
) -> Result<(UnixTime, UnixTime), String> {
    let today =
        Timestamp::from_microsecond(now.0).unwrap_or_default().to_zoned(zone.clone()).date();
    let today = today.to_string();
    let from = moment(from.unwrap_or(&today), zone, false);
    let to = moment(to.unwrap_or(&today), zone, true);
    Ok((from?, to?))
}

/// A moment as a person reads it, in the zone and to the second.
pub fn write(at: UnixTime, zone: &TimeZone) -> String {
    let local = Timestamp::from_microsecond(at.0).unwrap_or_default().to_zoned(zone.clone());
    local.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn moment(text: &str, zone: &TimeZone, end: bool) -> Result<UnixTime, String> {
    let unix = |stamp: Timestamp| UnixTime(stamp.as_microsecond());
    if let Ok(stamp) = text.parse::<Timestamp>() {
        return Ok(unix(stamp));
    }
    let wrong = |_| text.to_owned();
    // A date is read before a time of day: the library takes it for its midnight.
    let local = match text.parse::<Date>() {
        Ok(date) if !text.contains(['T', ':', ' ']) => {
            let day = if end { date.checked_add(1.day()).map_err(wrong)? } else { date };
            day.to_zoned(zone.clone()).and_then(|day| day.start_of_day()).map_err(wrong)?
        }
        _ => {
            let time = text.parse::<DateTime>().map_err(wrong)?;
            time.to_zoned(zone.clone()).map_err(wrong)?
        }
    };
    Ok(unix(local.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hours;

    #[test]
    fn dates_are_whole_days_of_the_zone() {
        let zone = hours::zone("Europe/Berlin").unwrap();
        let now = UnixTime("2026-10-25T12:00:00Z".parse::<Timestamp>().unwrap().as_microsecond());
        let read = |from, to| {
            read(from, to, &zone, now).map(|(from, to)| (from.to_string(), to.to_string()))
        };
        let text = |from: &str, to: &str| Ok((format!("{from}.000Z"), format!("{to}.000Z")));
        assert_eq!(read(None, None), text("2026-10-24T22:00:00", "2026-10-25T23:00:00"));
        assert_eq!(
            read(Some("2026-11-01"), Some("2026-11-30")),
            text("2026-10-31T23:00:00", "2026-11-30T23:00:00")
        );
        assert_eq!(
            read(Some("2026-11-16T08:00"), Some("2026-11-16T09:00:00Z")),
            text("2026-11-16T07:00:00", "2026-11-16T09:00:00")
        );
        assert_eq!(read(Some("yesterday"), None), Err("yesterday".to_owned()));
    }
}
