// A carrier that npm `smpp` plays, and that outlives the box: node carrier.js PORT
//
// Orders come as lines of JSON, each part of a text that somebody sends to the branch: it is said until the box has answered
// for it, over however many links that takes. What it was given and what was answered goes out as lines of JSON, before the
// box hears of it.
const path = require('path');
const readline = require('readline');
const smpp = require(path.join(process.env.SMPP_TOOLS, 'node_modules', 'smpp'));

// Parts that may be unanswered on a link, as carriers have it.
const WINDOW = 10;
// Milliseconds after which what was refused for the moment is said again.
const AGAIN = 100;
// Milliseconds that it takes at most to answer.
const SLOW = 30;

const say = (what) => process.stdout.write(JSON.stringify(what) + '\n');
const waiting = [];
let session = null;
let open = 0;
let names = 0;

function pump() {
    while (session && open < WINDOW && waiting.length > 0) {
        deliver(session, waiting.shift());
    }
}

function deliver(link, part) {
    open += 1;
    const lost = () => { waiting.unshift(part); };
    link.lost.add(lost);
    const { key, ...fields } = part;
    if (fields.udh) {
        fields.short_message = { udh: Buffer.from(fields.udh, 'hex'), message: fields.text };
        fields.esm_class = 0x40;
    } else {
        fields.short_message = fields.text;
    }
    delete fields.udh;
    delete fields.text;
    link.deliver_sm(fields, (pdu) => {
        if (!link.lost.delete(lost)) return;
        open -= 1;
        if (pdu.command_status === 0) {
            say({ event: 'answered', key });
        } else {
            say({ event: 'refused', key, status: pdu.command_status });
            setTimeout(() => { waiting.push(part); pump(); }, AGAIN);
        }
        pump();
    });
}

function receipt(pdu, name) {
    waiting.push({
        key: `receipt ${name}`,
        source_addr: pdu.destination_addr, source_addr_ton: 1, destination_addr: pdu.source_addr,
        esm_class: 4,
        text: `id:${name} sub:001 dlvrd:001 submit date:2611220700 done date:2611220701 stat:DELIVRD err:000 text:`,
    });
    pump();
}

function serve(link) {
    link.lost = new Set();
    link.on('error', () => {});
    link.on('close', () => {
        const lost = [...link.lost];
        link.lost.clear();
        if (session === link) {
            session = null;
            open = 0;
        }
        lost.reverse().forEach((back) => back());
        pump();
    });
    link.on('bind_transceiver', (pdu) => {
        link.send(pdu.response({ system_id: 'npm' }));
        session = link;
        open = 0;
        say({ event: 'bound' });
        pump();
    });
    link.on('submit_sm', (pdu) => {
        names += 1;
        const name = String(names);
        say({ event: 'submitted', text: pdu.short_message.message, name });
        setTimeout(() => {
            link.send(pdu.response({ message_id: name }));
            receipt(pdu, name);
        }, Math.random() * SLOW);
    });
    link.on('enquire_link', (pdu) => link.send(pdu.response()));
    link.on('unbind', (pdu) => { link.send(pdu.response()); link.close(); });
}

smpp.createServer({}, serve).listen(Number(process.argv[2]), '127.0.0.1', () => say({ event: 'ready' }));
readline.createInterface({ input: process.stdin })
    .on('line', (line) => { waiting.push(JSON.parse(line)); pump(); })
    .on('close', () => process.exit(0));
