//! Questions to the DNS, each in a task of its own: none of them can hold up the loop, or another question.
//!
//! Asks and translates; what the answers mean is decided in [`crate::sip::locate`]. Nothing is remembered here: trunks
//! keep what they were told, and ask again when its time is over.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolverConfig, ServerOrderingStrategy,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::{Resolver, TokioResolver};

use crate::sip::locate::{Kind, Naptr, Question, Srv};

/// How long a name may take to resolve; the trunk tries again by itself.
const LOOK_UP_TIME: Duration = Duration::from_secs(5);
/// The same for records that many a router in front of a branch passes over in silence.
const RARE_LOOK_UP_TIME: Duration = Duration::from_secs(2);
/// How long one name server may take before it, or another, is asked again.
const ONE_TRY: Duration = Duration::from_millis(900);
const TRIES: usize = 2;

/// What was found. Our own addresses on the way are put in by whoever knows the sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// NAPTR records and the seconds they are good for.
    Naptr(Vec<Naptr>, u32),
    /// SRV records.
    Srv(Vec<Srv>, u32),
    /// Addresses.
    Addresses(Vec<IpAddr>, u32),
    /// Nothing, for certain.
    None,
    /// Nobody answered, or with an error.
    Failed,
}

/// Asks one question. Reads the system's settings anew each time: they change with the line.
pub async fn ask(servers: &[SocketAddr], question: &Question) -> Found {
    if let Ok(literal) = question.name.parse::<IpAddr>() {
        return Found::Addresses(vec![literal], u32::MAX);
    }
    let patience = match question.kind {
        Kind::Address => LOOK_UP_TIME,
        Kind::Naptr | Kind::Srv => RARE_LOOK_UP_TIME,
    };
    let asked = async {
        match resolver(servers) {
            Some(resolver) => look_up(&resolver, question).await,
            None => Found::Failed,
        }
    };
    let found = tokio::time::timeout(patience, asked).await.unwrap_or(Found::Failed);
    if found == Found::Failed && question.kind == Kind::Address && servers.is_empty() {
        return of_the_system(&question.name).await;
    }
    found
}

/// Names that the system knows from elsewhere: hosts files, mDNS, whatever nsswitch.conf says.
async fn of_the_system(name: &str) -> Found {
    match tokio::time::timeout(LOOK_UP_TIME, tokio::net::lookup_host((name, 0))).await {
        Ok(Ok(found)) => {
            // The system says nothing of a time: as long as most records have.
            Found::Addresses(found.map(|address| address.ip()).collect(), 300)
        }
        _ => Found::Failed,
    }
}

fn resolver(servers: &[SocketAddr]) -> Option<TokioResolver> {
    let mut builder = match servers {
        [] => TokioResolver::builder_tokio().ok()?,
        servers => {
            let servers = servers.iter().map(|server| {
                let at = |mut connection: ConnectionConfig| {
                    connection.port = server.port();
                    connection
                };
                let ways = vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())];
                NameServerConfig::new(server.ip(), true, ways)
            });
            let config = ResolverConfig::from_name_servers(servers.collect());
            Resolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    let options = builder.options_mut();
    options.timeout = ONE_TRY;
    options.attempts = TRIES;
    options.cache_size = 0;
    options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
    builder.build().ok()
}

async fn look_up(resolver: &TokioResolver, question: &Question) -> Found {
    // With a dot at its end, the name is whole: a search list could lead to somebody else's server.
    let Ok(mut name) = Name::from_utf8(&question.name) else { return Found::None };
    name.set_fqdn(true);
    match question.kind {
        Kind::Naptr => match records(resolver, name, RecordType::NAPTR).await {
            Ok((records, ttl)) => Found::Naptr(records.iter().filter_map(naptr).collect(), ttl),
            Err(not) => not,
        },
        Kind::Srv => match records(resolver, name, RecordType::SRV).await {
            Ok((records, ttl)) => Found::Srv(records.iter().filter_map(srv).collect(), ttl),
            Err(not) => not,
        },
        Kind::Address => addresses(resolver, name).await,
    }
}

/// A and AAAA at once, those of IPv4 first: telephony that has both is better tried there.
async fn addresses(resolver: &TokioResolver, name: Name) -> Found {
    let (four, six) = tokio::join!(
        records(resolver, name.clone(), RecordType::A),
        records(resolver, name, RecordType::AAAA)
    );
    let (mut found, mut least, mut failed) = (Vec::new(), u32::MAX, false);
    for family in [four, six] {
        match family {
            Ok((records, ttl)) => {
                found.extend(records.iter().filter_map(address));
                least = least.min(ttl);
            }
            Err(not) => failed |= not == Found::Failed,
        }
    }
    match (found.is_empty(), failed) {
        (false, _) => Found::Addresses(found, least),
        (true, true) => Found::Failed,
        (true, false) => Found::None,
    }
}

/// Records of one type with the shortest time that one of them is good for.
async fn records(
    resolver: &TokioResolver,
    name: Name,
    kind: RecordType,
) -> Result<(Vec<Record>, u32), Found> {
    let records: Vec<_> = match resolver.lookup(name, kind).await {
        // A chain of aliases is answered with the records at its end.
        Ok(lookup) => lookup.answers().to_vec(),
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
            let certain = [ResponseCode::NXDomain, ResponseCode::NoError];
            return Err(match certain.contains(&none.response_code) {
                true => Found::None,
                false => Found::Failed,
            });
        }
        Err(_) => return Err(Found::Failed),
    };
    let ttl = records.iter().map(|record| record.ttl).min().unwrap_or(0);
    let records: Vec<_> = records.into_iter().filter(|r| r.record_type() == kind).collect();
    if records.is_empty() { Err(Found::None) } else { Ok((records, ttl)) }
}

fn naptr(record: &Record) -> Option<Naptr> {
    let RData::NAPTR(naptr) = &record.data else { return None };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(Naptr {
        order: naptr.order,
        preference: naptr.preference,
        flags: text(&naptr.flags),
        service: text(&naptr.services),
        replacement: written(&naptr.replacement),
    })
}

fn srv(record: &Record) -> Option<Srv> {
    let RData::SRV(srv) = &record.data else { return None };
    let (priority, weight, port) = (srv.priority, srv.weight, srv.port);
    Some(Srv { priority, weight, port, target: written(&srv.target) })
}

fn address(record: &Record) -> Option<IpAddr> {
    match &record.data {
        RData::A(four) => Some(four.0.into()),
        RData::AAAA(six) => Some(six.0.into()),
        _ => None,
    }
}

/// A name without the dot at its end; `.` for the root, which stands for "no such service".
fn written(name: &Name) -> String {
    let text = name.to_ascii();
    if name.is_root() { ".".to_owned() } else { text.trim_end_matches('.').to_owned() }
}
