//! Certificates for sites: for a new box by its token, and for one that has one before it ends.

use std::fmt;
use std::io;

use tokio::task::spawn_blocking;

use super::authority::key_of;
use super::office::Office;
use super::sites::Given;
use crate::driver::clock;
use crate::driver::line::Line;
use crate::time::UnixTime;
use crate::uplink::frame::{Certificate, Frame, Reason, Request};
use crate::uplink::token::Secret;

/// Why somebody gets no certificate.
#[derive(Debug)]
pub(super) enum NoCertificate {
    /// What it asked for is no request.
    Request,
    /// It cannot be written down that it has one.
    File(io::Error),
    /// It was shut out meanwhile.
    ShutOut,
}

impl fmt::Display for NoCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoCertificate::Request => f.write_str("what it asked for is no request"),
            NoCertificate::File(error) => write!(f, "its file cannot be written: {error}"),
            NoCertificate::ShutOut => f.write_str("it is shut out"),
        }
    }
}

impl Office {
    /// Answers a new box, once.
    pub(super) async fn enrol(&self, mut line: Line) {
        let answer = match line.coming.next().await {
            Ok(Frame::Request(request)) => {
                let office = self.clone();
                let answer = spawn_blocking(move || office.enrolled(&request)).await;
                answer.unwrap_or(Frame::Close(Reason::NotKept))
            }
            _ => Frame::Close(Reason::Protocol),
        };
        line.going.push(&answer);
        line.going.end().await;
    }

    fn enrolled(&self, request: &Request) -> Frame {
        let secret = request.secret.as_deref().and_then(secret);
        let key = key_of(&request.request);
        let (Some(secret), Some(key)) = (secret, key) else {
            return Frame::Close(Reason::Protocol);
        };
        let site = match self.0.sites.use_up(secret, key, clock::now().unix) {
            Ok(Some(site)) => site,
            Ok(None) => return Frame::Close(Reason::Token),
            Err(error) => {
                tracing::error!(%error, "a token cannot be used up");
                return Frame::Close(Reason::NotKept);
            }
        };
        match self
            .certify(&site, &request.request, |given| self.0.sites.enrol(secret, &site, given))
        {
            Ok(certificate) => {
                tracing::info!(site, "a box was enrolled");
                Frame::Certificate(certificate)
            }
            Err(NoCertificate::ShutOut) => Frame::Close(Reason::Token),
            Err(why) => {
                tracing::error!(site, %why, "a box was not enrolled");
                Frame::Close(Reason::NotKept)
            }
        }
    }

    /// Another certificate for a site that came with one.
    pub(super) fn renew(
        &self,
        site: &str,
        came_with: &Given,
        request: &str,
    ) -> Result<Certificate, NoCertificate> {
        self.certify(site, request, |given| self.0.sites.renew(site, came_with, given))
    }

    /// A certificate for a site, if it may be let in by it.
    fn certify(
        &self,
        site: &str,
        request: &str,
        let_in: impl FnOnce(Given) -> io::Result<bool>,
    ) -> Result<Certificate, NoCertificate> {
        let given = clock::now().unix;
        let span = i64::try_from(self.0.certificates.as_micros()).unwrap_or(i64::MAX);
        let ends = UnixTime(given.0.saturating_add(span));
        let authority = &self.0.authority;
        let (certificate, print) =
            authority.certify(site, request, ends).map_err(|_| NoCertificate::Request)?;
        let given = Given { sha256: print.to_string(), given, ends };
        if !let_in(given).map_err(NoCertificate::File)? {
            return Err(NoCertificate::ShutOut);
        }
        let authority = authority.pem().to_owned();
        Ok(Certificate { site: site.to_owned(), certificate, authority })
    }
}

fn secret(hex: &str) -> Option<Secret> {
    let pairs = hex.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    });
    bytes.collect::<Option<Vec<u8>>>()?.try_into().ok().map(Secret)
}
