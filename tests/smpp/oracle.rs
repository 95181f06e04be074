//! What our codec writes, read and written again by somebody else's.

use branchline::smpp::codec::Command;
use branchline::smpp::pdu::{
    About, Address, Bind, BindKind, Destination, Found, Message, Multi, Named, Pdu, Replace, Text,
};
use branchline::smpp::schedule;
use branchline::smpp::status::Status;
use branchline::smpp::tlv::{Tlvs, tag};
use branchline::time::UnixTime;
use bytes::{Bytes, BytesMut};
use rusmpp_core::command::owned::Command as Theirs;
use rusmpp_core::decode::owned::DecodeWithLength;
use rusmpp_core::encode::owned::Encode;

fn tlvs() -> Tlvs {
    Tlvs::default()
        .with(tag::USER_MESSAGE_REFERENCE, &[0, 7][..])
        .with(tag::SAR_REFERENCE, &[0, 9][..])
        .with(0x1401, &b"a carrier's own"[..])
}

fn message() -> Message {
    Message {
        service_type: Text::from("CMT"),
        from: Address::of("Branch"),
        to: Address::of("+15550101"),
        esm_class: 0x43,
        protocol: 0x40,
        priority: 1,
        schedule: schedule::write(UnixTime(1_800_000_000_000_000)),
        validity: schedule::write_relative(std::time::Duration::from_secs(86_400)),
        registered_delivery: 1,
        data_coding: 8,
        short_message: Bytes::from_static(b"\x05\0\x03\x07\x02\x01\x26\x3a"),
        tlvs: tlvs(),
        ..Message::default()
    }
}

fn all() -> Vec<(Status, Pdu)> {
    let address = || Address::of("+15550100");
    let bind = |kind| {
        let (system_id, password) = (Text::from("shop"), Text::from("secret"));
        Pdu::Bind(Bind {
            kind,
            system_id,
            password,
            system_type: Text::from("box"),
            version: 0x34,
            range: address(),
        })
    };
    let named = || Named { id: Text::from("17"), ..Named::default() };
    let about = || About { id: Text::from("17"), from: address(), ..About::default() };
    let long = Message { short_message: Bytes::from(vec![b'a'; 900]), ..message() };
    let to = vec![Destination::Address(address()), Destination::List(Text::from("friends"))];
    let refused = vec![(address(), Status::INVALID_DESTINATION)];
    let data = Message { short_message: Bytes::new(), ..message() };
    let data = Message { tlvs: tlvs().with(tag::MESSAGE_PAYLOAD, &b"hi"[..]), ..data };
    let replace = Replace {
        id: Text::from("17"),
        from: address(),
        short_message: Bytes::from_static(b"hi"),
        ..Replace::default()
    };
    let found = Found { id: Text::from("17"), final_date: message().schedule, state: 2, error: 0 };
    let fine = [
        bind(BindKind::Transmitter),
        bind(BindKind::Receiver),
        bind(BindKind::Transceiver),
        Pdu::BindResp(
            BindKind::Transceiver,
            Text::from("branch"),
            Tlvs::default().with(tag::INTERFACE_VERSION, &[0x34][..]),
        ),
        Pdu::Outbind(Text::from("branch"), Text::from("secret")),
        Pdu::Submit(Box::new(message())),
        Pdu::Submit(Box::new(long)),
        Pdu::SubmitResp(named()),
        Pdu::Deliver(Box::new(message())),
        Pdu::DeliverResp(Named::default()),
        Pdu::Data(Box::new(data)),
        Pdu::DataResp(named()),
        Pdu::Multi(Box::new(Multi { message: message(), to })),
        Pdu::MultiResp(Named { refused, ..named() }),
        Pdu::Query(about()),
        Pdu::QueryResp(found),
        Pdu::Cancel(About { to: address(), ..about() }),
        Pdu::CancelResp,
        Pdu::Replace(Box::new(replace)),
        Pdu::ReplaceResp,
        Pdu::BroadcastResp(named()),
        Pdu::QueryBroadcast(about()),
        Pdu::CancelBroadcast(about()),
        Pdu::CancelBroadcastResp,
        Pdu::Alert(address(), address(), Tlvs::default()),
        Pdu::Unbind,
        Pdu::UnbindResp,
        Pdu::EnquireLink,
        Pdu::EnquireLinkResp,
        Pdu::Other(0x0001_0203, Bytes::from_static(b"whatever")),
    ];
    let refused = [
        (Status::INVALID_COMMAND, Pdu::GenericNack),
        (Status::THROTTLED, Pdu::SubmitResp(Named::default())),
        (Status(0x403), Pdu::SubmitResp(Named::default())),
    ];
    fine.into_iter().map(|pdu| (Status::OK, pdu)).chain(refused).collect()
}

#[test]
fn rusmpp_reads_what_we_write_and_writes_the_same() {
    for (sequence, (status, pdu)) in (1..).zip(all()) {
        let mut ours = BytesMut::new();
        let command = Command::new(status, sequence, pdu);
        command.write(&mut ours);
        // It counts from behind the length.
        let mut octets = BytesMut::from(&ours[4..]);
        let length = octets.len();
        let (read, _) = Theirs::decode(&mut octets, length)
            .unwrap_or_else(|why| panic!("{command:?}: {why:?}"));
        assert_eq!(
            (read.sequence_number(), u32::from(read.id())),
            (sequence, command.pdu.command())
        );
        let mut theirs = BytesMut::new();
        read.encode(&mut theirs);
        assert_eq!(theirs[..], ours[4..], "{command:?}");
    }
}
