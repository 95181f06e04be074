// npm `smpp` as a message centre or as an application. Orders come as lines of JSON, what happens goes out as lines of JSON.
// node peer.js server PORT [CERT KEY] | node peer.js client PORT [tls]
const fs = require('fs');
const path = require('path');
const readline = require('readline');
const smpp = require(path.join(process.env.SMPP_TOOLS, 'node_modules', 'smpp'));

const [role, port, cert, key] = process.argv.slice(2);
const say = (what) => process.stdout.write(JSON.stringify(what) + '\n');
const sessions = [];
let throttle = 0;
let silent = false;
let held = 0;
let ids = 0;

function shown(pdu) {
    const text = pdu.short_message && pdu.short_message.message;
    const udh = pdu.short_message && pdu.short_message.udh;
    return {
        event: pdu.command,
        from: pdu.source_addr,
        to: pdu.destination_addr,
        text: Buffer.isBuffer(text) ? text.toString('hex') : text,
        udh: udh && udh.length ? Buffer.concat([].concat(udh).map((one) => Buffer.from(one))).toString('hex') : null,
        octets: pdu.command_length,
        esm_class: pdu.esm_class,
        data_coding: pdu.data_coding,
        sar: pdu.sar_total_segments === undefined ? null : [pdu.sar_msg_ref_num, pdu.sar_total_segments, pdu.sar_segment_seqnum],
        payload: pdu.message_payload && (pdu.message_payload.message || '').toString(),
        registered: pdu.registered_delivery,
    };
}

function serve(session) {
    sessions.push(session);
    session.on('error', () => {});
    session.on('close', () => say({ event: 'closed' }));
    session.on('bind_transceiver', (pdu) => {
        const right = pdu.system_id === 'branch' && pdu.password === 'secret';
        session.send(pdu.response(right ? { system_id: 'npm' } : { command_status: smpp.ESME_RBINDFAIL }));
        say({ event: 'bound', system_id: pdu.system_id });
    });
    session.on('submit_sm', (pdu) => {
        if (silent) {
            held += 1;
            say({ event: 'held', count: held });
            return;
        }
        if (throttle > 0) {
            throttle -= 1;
            session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
            return;
        }
        ids += 1;
        say({ ...shown(pdu), id: String(ids) });
        session.send(pdu.response({ message_id: String(ids) }));
    });
    session.on('enquire_link', (pdu) => session.send(pdu.response()));
    session.on('unbind', (pdu) => { session.send(pdu.response()); session.close(); });
}

function deliver(order) {
    const { command, tlvs, ...fields } = order;
    const session = sessions[sessions.length - 1];
    session.deliver_sm({ ...fields, ...tlvs }, (pdu) => say({ event: 'answered', status: pdu.command_status }));
}

if (role === 'server') {
    const options = cert ? { cert: fs.readFileSync(cert), key: fs.readFileSync(key) } : {};
    smpp.createServer(options, serve).listen(Number(port), '127.0.0.1', () => say({ event: 'ready' }));
} else {
    const url = `${cert === 'tls' ? 'ssmpp' : 'smpp'}://127.0.0.1:${port}`;
    const session = smpp.connect({ url, rejectUnauthorized: false }, () => say({ event: 'ready' }));
    sessions.push(session);
    session.on('error', (error) => say({ event: 'error', text: String(error.code || error) }));
    session.on('close', () => say({ event: 'closed' }));
    session.on('enquire_link', (pdu) => session.send(pdu.response()));
    session.on('unbind', (pdu) => { session.send(pdu.response()); session.close(); });
    session.on('deliver_sm', (pdu) => { say(shown(pdu)); session.send(pdu.response()); });
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
    const order = JSON.parse(line);
    const session = sessions[sessions.length - 1];
    switch (order.command) {
        case 'throttle': throttle = order.count; return say({ event: 'throttling' });
        case 'silent': silent = true; return say({ event: 'silent' });
        case 'deliver': return deliver(order);
        case 'enquire': return session.enquire_link({}, (pdu) => say({ event: 'alive', status: pdu.command_status }));
        case 'bind': return session.bind_transceiver(
            { system_id: order.system_id, password: order.password },
            (pdu) => say({ event: 'bound', status: pdu.command_status, system_id: pdu.system_id }));
        case 'submit': {
            const { command, tlvs, ...fields } = order;
            return session.submit_sm({ ...fields, ...tlvs }, (pdu) =>
                say({ event: 'answered', status: pdu.command_status, id: pdu.message_id }));
        }
        case 'unbind': return session.unbind({}, () => { say({ event: 'unbound' }); session.close(); });
        case 'destroy': return session.socket.destroy();
    }
}).on('close', () => process.exit(0));
