//! Browsers: each a `PeerConnection` that speaks at a steady pace and counts what it hears.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use branchline::media::Codec;
use bytes::Bytes;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_OPUS, MIME_TYPE_PCMU, MediaEngine,
};
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::rtp::Packet;
use rtc::rtp::header::Header;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RtpCodecKind,
};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
    RTCPeerConnectionState,
};
use webrtc::runtime::default_runtime;

use crate::{PATIENCE, voice};

/// What strangers' sound is filled with.
pub const STRANGE: u8 = 0xaa;

/// What a browser speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sound {
    G711,
    Opus,
}

impl Sound {
    fn codec(self) -> RTCRtpCodecParameters {
        let (mime, clock_rate, channels, payload_type) = match self {
            Sound::G711 => (MIME_TYPE_PCMU, 8_000, 1, 0),
            Sound::Opus => (MIME_TYPE_OPUS, 48_000, 2, 111),
        };
        let rtp_codec = RTCRtpCodec {
            mime_type: mime.to_owned(),
            clock_rate,
            channels,
            sdp_fmtp_line: String::new(),
            rtcp_feedback: Vec::new(),
        };
        RTCRtpCodecParameters { rtp_codec, payload_type }
    }

    /// Ticks in 20 ms.
    fn step(self) -> u32 {
        if self == Sound::G711 { 160 } else { 960 }
    }

    /// A second of something like a voice.
    fn packets(self) -> Vec<Bytes> {
        voice::packets(if self == Sound::G711 { Codec::Pcmu } else { Codec::Opus })
    }
}

/// One browser.
pub struct Leg {
    connection: Box<dyn PeerConnection>,
    track: Arc<TrackLocalStaticRTP>,
    sound: Sound,
    source: u32,
    packets: Vec<Bytes>,
    heard: Arc<AtomicUsize>,
    strange: Arc<AtomicUsize>,
    connected: watch::Receiver<bool>,
}

struct Ears {
    heard: Arc<AtomicUsize>,
    strange: Arc<AtomicUsize>,
    gathered: watch::Sender<bool>,
    connected: watch::Sender<bool>,
}

#[async_trait]
impl PeerConnectionEventHandler for Ears {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.send_replace(true);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        if state == RTCPeerConnectionState::Connected {
            self.connected.send_replace(true);
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let (heard, strange) = (self.heard.clone(), self.strange.clone());
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    let is_strange = packet.payload.starts_with(&[STRANGE; 8]);
                    heard.fetch_add(usize::from(!is_strange), Ordering::Relaxed);
                    strange.fetch_add(usize::from(is_strange), Ordering::Relaxed);
                }
            }
        });
    }
}

static NEXT: AtomicUsize = AtomicUsize::new(1);

impl Leg {
    /// A browser at `host` and its offer, with all its candidates in it.
    pub async fn offer(sound: Sound, host: IpAddr) -> (Leg, String) {
        let (gathered, mut all) = watch::channel(false);
        let (connect, connected) = watch::channel(false);
        let (heard, strange) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let ears =
            Ears { heard: heard.clone(), strange: strange.clone(), gathered, connected: connect };
        let codec = sound.codec();
        let mut engine = MediaEngine::default();
        engine.register_codec(codec.clone(), RtpCodecKind::Audio).expect("a codec");
        let connection = PeerConnectionBuilder::new()
            .with_media_engine(engine)
            // There is nobody else on loopback to be found by name.
            .with_setting_engine(
                SettingEngineBuilder::new()
                    .with_multicast_dns_mode(MulticastDnsMode::Disabled)
                    .with_include_loopback_candidate(true)
                    .build(),
            )
            .with_handler(Arc::new(ears))
            .with_runtime(default_runtime().expect("tokio"))
            .with_udp_addrs(vec![SocketAddr::new(host, 0)])
            .build()
            .await
            .expect("a connection");
        let source = NEXT.fetch_add(1, Ordering::Relaxed) as u32;
        let coding = RTCRtpCodingParameters { ssrc: Some(source), ..Default::default() };
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: coding,
            codec: codec.rtp_codec,
            ..Default::default()
        };
        let name = || format!("browser-{source}");
        let track =
            MediaStreamTrack::new(name(), name(), name(), RtpCodecKind::Audio, vec![encoding]);
        let track = Arc::new(TrackLocalStaticRTP::new(track));
        connection.add_track(track.clone()).await.expect("a track");
        let offer = connection.create_offer(None).await.expect("an offer");
        connection.set_local_description(offer).await.expect("its own offer");
        timeout(PATIENCE, all.wait_for(|all| *all)).await.expect("candidates").expect("a handler");
        let offer = connection.local_description().await.expect("an offer").sdp;
        let connection: Box<dyn PeerConnection> = Box::new(connection);
        let packets = sound.packets();
        (Leg { connection, track, sound, source, packets, heard, strange, connected }, offer)
    }

    pub async fn accept(&self, answer: String) {
        let answer = RTCSessionDescription::answer(answer).expect("a description");
        self.connection.set_remote_description(answer).await.expect("an answer that fits");
    }

    pub async fn is_connected(&self) {
        assert!(self.connects().await, "connected");
    }

    /// Whether it comes to be connected in time.
    pub async fn connects(&self) -> bool {
        let mut connected = self.connected.clone();
        matches!(timeout(PATIENCE, connected.wait_for(|is| *is)).await, Ok(Ok(_)))
    }

    /// Packets of strangers that came through to it.
    pub fn strange(&self) -> usize {
        self.strange.load(Ordering::Relaxed)
    }

    pub fn heard(&self) -> usize {
        self.heard.load(Ordering::Relaxed)
    }

    pub async fn close(&self) {
        let _ = self.connection.close().await;
    }

    async fn say(&self, beat: usize) {
        let header = Header {
            version: 2,
            marker: beat == 0,
            payload_type: self.sound.codec().payload_type,
            sequence_number: beat as u16,
            timestamp: beat as u32 * self.sound.step(),
            ssrc: self.source,
            ..Default::default()
        };
        let payload = self.packets[beat % self.packets.len()].clone();
        let _ = self.track.write_rtp(Packet { header, payload }).await;
    }
}

/// Everybody speaks for `span`, spread over each 20 ms; answers how many packets were sent.
pub async fn speak(legs: &[Leg], first: usize, span: Duration) -> usize {
    let beats = (span.as_millis() / 20) as usize;
    let began = Instant::now();
    for turn in 0..beats * legs.len() {
        let (beat, leg) = (first + turn / legs.len(), turn % legs.len());
        sleep_until(began + span.mul_f64(turn as f64 / (beats * legs.len()) as f64)).await;
        legs[leg].say(beat).await;
    }
    // What is on its way comes back.
    tokio::time::sleep(Duration::from_millis(100)).await;
    beats * legs.len()
}
