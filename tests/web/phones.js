// Two phones for browsers that are not ours, made to look alike for the tests.
import * as SIP from 'sip.js';
import JsSIP from 'jssip';

// What makes speech better takes a steady tone for noise, and one's own for an echo.
const AS_IT_IS = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

const heardOf = [];
window.heardOf = heardOf;
const note = (...words) => heardOf.push(words.map(String).join(' '));
window.onerror = (text) => note('error', text);

// What a stream sounds like: its loudest frequency in hertz, 0 for silence.
class Ear {
  constructor(stream) {
    this.audio = new Audio();
    this.audio.srcObject = stream;
    this.audio.muted = true;
    this.audio.play();
    this.context = new AudioContext();
    this.analyser = this.context.createAnalyser();
    this.analyser.fftSize = 8192;
    this.analyser.smoothingTimeConstant = 0;
    this.context.createMediaStreamSource(stream).connect(this.analyser);
    this.context.resume();
  }
  // Whether this frequency is there now: within some 40 ms, where the other looks take 170.
  has(hertz) {
    if (!this.quick) {
      this.quick = this.context.createAnalyser();
      this.quick.fftSize = 2048;
      this.quick.smoothingTimeConstant = 0;
      this.context.createMediaStreamSource(this.audio.srcObject).connect(this.quick);
    }
    const bins = new Float32Array(this.quick.frequencyBinCount);
    this.quick.getFloatFrequencyData(bins);
    return bins[Math.round((hertz * this.quick.fftSize) / this.context.sampleRate)] > -50;
  }
  hertz() {
    const bins = new Float32Array(this.analyser.frequencyBinCount);
    this.analyser.getFloatFrequencyData(bins);
    let best = 0;
    for (let at = 1; at < bins.length; at += 1) if (bins[at] > bins[best]) best = at;
    if (bins[best] < -60) return 0;
    return (best * this.context.sampleRate) / this.analyser.fftSize;
  }
  // How much louder this frequency is than the middle of all others, in decibels.
  stands(hertz) {
    const bins = new Float32Array(this.analyser.frequencyBinCount);
    this.analyser.getFloatFrequencyData(bins);
    const at = Math.round((hertz * this.analyser.fftSize) / this.context.sampleRate);
    const around = Math.max(...bins.slice(at - 3, at + 4));
    const sorted = Array.from(bins.slice(20, 600)).sort((a, b) => a - b);
    return around - sorted[300];
  }
}

class Base {
  constructor() {
    this.registered = false;
    this.ringing = false;
    this.talking = false;
    this.ended = '';
    this.ear = null;
  }
  // From now on, how long a tone is not heard at most, in seconds.
  listen(hertz) {
    clearInterval(this.listening);
    const begun = performance.now();
    let last = begun;
    Object.assign(this, { longest: 0, looks: 0, had: 0, listened: 0 });
    this.listening = setInterval(() => {
      const now = performance.now();
      this.listened = (now - begun) / 1000;
      this.longest = Math.max(this.longest, (now - last) / 1000);
      this.looks += 1;
      if (!this.ear || !this.ear.has(hertz)) return;
      this.had += 1;
      last = now;
    }, 20);
  }
  async report(type) {
    const reports = await this.pc.getStats();
    const own = [...reports.values()].find((one) => one.type === type);
    return { ...own, codec: reports.get(own.codecId) };
  }
  // What it hears in and what it says in.
  async codecs() {
    const [heard, said] = [await this.report('inbound-rtp'), await this.report('outbound-rtp')];
    return `${heard.codec.mimeType} ${said.codec.mimeType}`;
  }
  async concealed() {
    return (await this.report('inbound-rtp')).concealedSamples;
  }
  async samples() {
    return (await this.report('inbound-rtp')).totalSamplesReceived;
  }
  // Does what a program does whose network may be another one: a new connection, and the call told anew over it.
  follows() {
    this.pc.addEventListener('iceconnectionstatechange', async () => {
      note('ice', this.pc.iceConnectionState);
      if (this.pc.iceConnectionState !== 'disconnected' || this.followed) return;
      this.followed = 'begun';
      await this.reconnect();
      await this.restart();
      this.followed = 'done';
    });
  }
  connected(pc) {
    this.pc = pc;
    const stream = new MediaStream(pc.getReceivers().map((one) => one.track).filter((one) => one));
    this.ear = new Ear(stream);
  }
  // Whether keys that were pressed have yet to be sent.
  keysLeft() {
    return this.pc.getSenders().some((one) => one.dtmf && one.dtmf.toneBuffer !== '');
  }
  // For a test that fails: how the packets flow.
  async describe() {
    if (!this.pc) return 'no connection';
    const reports = [...(await this.pc.getStats()).values()];
    const kinds = ['transport', 'inbound-rtp', 'outbound-rtp', 'candidate-pair', 'media-source', 'codec'];
    const told = reports.filter((one) => kinds.includes(one.type));
    return `${this.pc.connectionState} ${this.hears()} Hz ${JSON.stringify(told)}`;
  }
  // The way in use: of what kind our end of it is, and how it reaches the relay if it is one.
  async way() {
    const reports = await this.pc.getStats();
    const transport = [...reports.values()].find((one) => one.type === 'transport');
    const pair = reports.get(transport.selectedCandidatePairId);
    const own = reports.get(pair.localCandidateId);
    return own.candidateType === 'relay' ? `relay over ${own.relayProtocol}` : own.candidateType;
  }
  hears() {
    return this.ear ? this.ear.hertz() : 0;
  }
  stands(hertz) {
    return this.ear ? this.ear.stands(hertz) : 0;
  }
}

class SipJs extends Base {
  constructor(server, user, password, options = {}) {
    super();
    this.host = new URL(server).hostname;
    const make = SIP.Web.defaultSessionDescriptionHandlerFactory();
    this.agent = new SIP.UserAgent({
      uri: SIP.UserAgent.makeURI(`sip:${user}@${this.host}`),
      authorizationUsername: user,
      authorizationPassword: password,
      transportOptions: { server, keepAliveInterval: options.keepAlive || 0 },
      sessionDescriptionHandlerFactory: make,
      sessionDescriptionHandlerFactoryOptions: {
        iceGatheringTimeout: 500,
        peerConnectionConfiguration: { iceServers: [] },
      },
      logBuiltinEnabled: false,
      logConnector: (level, category, label, content) => {
        if (level !== 'debug') note(category, content);
      },
      delegate: {
        onInvite: (invitation) => {
          note('invite');
          this.watch(invitation);
          this.ringing = true;
        },
      },
    });
  }
  async register() {
    await this.agent.start();
    this.registerer = new SIP.Registerer(this.agent, { expires: 300 });
    this.registerer.stateChange.addListener((state) => {
      note('registration', state);
      this.registered = state === 'Registered';
    });
    await this.registerer.register();
  }
  async connect() {
    await this.agent.start();
  }
  watch(session) {
    this.session = session;
    this.ended = '';
    session.stateChange.addListener((state) => {
      note('session', state);
      if (state === 'Established') {
        this.talking = true;
        this.ringing = false;
        this.connected(session.sessionDescriptionHandler.peerConnection);
      }
      if (state === 'Terminated') {
        this.talking = false;
        this.ringing = false;
        this.ended = 'ended';
      }
    });
  }
  async call(number) {
    const target = SIP.UserAgent.makeURI(`sip:${number}@${this.host}`);
    const inviter = new SIP.Inviter(this.agent, target, {
      sessionDescriptionHandlerOptions: { constraints: { audio: AS_IT_IS, video: false } },
    });
    this.watch(inviter);
    await inviter.invite({
      requestDelegate: { onReject: (response) => (this.ended = String(response.message.statusCode)) },
    });
  }
  async answer() {
    await this.session.accept({
      sessionDescriptionHandlerOptions: { constraints: { audio: AS_IT_IS, video: false } },
    });
  }
  async hold(on) {
    this.session.sessionDescriptionHandlerOptionsReInvite = { hold: on };
    await this.session.invite({ sessionDescriptionHandlerModifiers: [] });
  }
  async restart() {
    await this.session.invite({
      sessionDescriptionHandlerOptions: { offerOptions: { iceRestart: true } },
    });
  }
  async reconnect() {
    // It would wait for a farewell over a connection that is dead.
    this.agent.transport.onWebSocketClose({ code: 1006, reason: '' }, this.agent.transport._ws);
    await this.agent.transport.connect();
    await this.registerer.register();
  }
  async press(tone) {
    this.session.sessionDescriptionHandler.sendDtmf(tone);
  }
  async transfer(number) {
    await this.session.refer(SIP.UserAgent.makeURI(`sip:${number}@${this.host}`));
  }
  async hangUp() {
    const early = this.session.state === 'Initial' || this.session.state === 'Establishing';
    if (this.session.state === 'Established') await this.session.bye();
    else if (early && this.session.cancel) await this.session.cancel();
    else if (early) await this.session.reject();
  }
  async vanish() {
    this.agent.transport._ws.close();
  }
}

class JsSip extends Base {
  constructor(server, user, password) {
    super();
    this.host = new URL(server).hostname;
    this.agent = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(server)],
      uri: `sip:${user}@${this.host}`,
      password,
      register: true,
      register_expires: 300,
      session_timers: true,
    });
    this.agent.on('registered', () => (this.registered = true));
    this.agent.on('registrationFailed', (event) => note('registration failed', event.cause));
    this.agent.on('unregistered', () => (this.registered = false));
    this.agent.on('newRTCSession', ({ session, originator }) => {
      this.session = session;
      this.ended = '';
      if (originator === 'remote') this.ringing = true;
      const up = () => {
        this.talking = true;
        this.ringing = false;
        this.connected(session.connection);
      };
      session.on('confirmed', up);
      session.on('failed', ({ cause, message }) => {
        note('failed', cause);
        this.ringing = false;
        this.ended = String((message && message.status_code) || cause);
      });
      session.on('ended', ({ cause }) => {
        this.talking = false;
        this.ended = cause;
      });
    });
  }
  async register() {
    this.agent.start();
  }
  async call(number) {
    this.agent.call(`sip:${number}@${this.host}`, { mediaConstraints: { audio: AS_IT_IS, video: false } });
  }
  async answer() {
    this.session.answer({ mediaConstraints: { audio: AS_IT_IS, video: false } });
  }
  async hold(on) {
    await new Promise((done) => (on ? this.session.hold({}, done) : this.session.unhold({}, done)));
  }
  async restart() {
    await new Promise((done) =>
      this.session.renegotiate({ rtcOfferConstraints: { iceRestart: true } }, done),
    );
  }
  async reconnect() {
    this.registered = false;
    this.agent.transport.disconnect();
    this.agent.transport.connect();
    while (!this.registered) await new Promise((done) => setTimeout(done, 50));
  }
  async press(tone) {
    this.session.sendDTMF(tone, { transportType: 'RFC2833' });
  }
  async transfer(number) {
    this.session.refer(`sip:${number}@${this.host}`);
  }
  async hangUp() {
    this.session.terminate();
  }
  async vanish() {
    this.agent.transport.socket._ws.close();
  }
}

// A page of the box's own that is a telephone, by its bare messages.
class Desk extends Base {
  constructor() {
    super();
    this.said = [];
  }
  async signIn(user, password) {
    const answer = await fetch('/api/v1/session', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: user, password }),
    });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    const session = await answer.json();
    this.csrf = session.csrf || session.csrf_token;
    return answer.status;
  }
  async order(method, path, body) {
    const answer = await fetch(`/api/v1${path}`, {
      method,
      headers: { 'content-type': 'application/json', 'x-csrf-token': this.csrf },
      body: body && JSON.stringify(body),
    });
    return `${answer.status} ${await answer.text()}`;
  }
  async open() {
    this.socket = new WebSocket(`wss://${location.host}/api/v1/desk`, 'branchline.desk.1');
    this.socket.onclose = (event) => (this.closed = `${event.code} ${event.reason}`);
    this.socket.onmessage = ({ data }) => this.heard(JSON.parse(data));
    await new Promise((done, wrong) => {
      this.socket.onopen = done;
      this.socket.onerror = () => wrong(new Error('the channel does not open'));
    });
  }
  heard(said) {
    this.said.push(said);
    note('desk', JSON.stringify(said).slice(0, 200));
    if (said.type === 'welcome') this.welcome = said;
    if (said.relays) this.relays = said.relays;
    if (said.type === 'ring') {
      this.ringing = true;
      this.leg = said.leg;
      this.rang = said;
    }
    if (said.type === 'stop') this.over(said.why);
    if (said.type === 'sdp') {
      this.leg = said.leg;
      this.pc.setRemoteDescription({ type: 'answer', sdp: said.sdp }).then(() => this.connected(this.pc));
    }
    if (said.type === 'state' && said.state === 'talking') {
      this.talking = true;
      this.ringing = false;
    }
    if (said.type === 'state' && said.state === 'ended') this.over(said.why);
    if (said.type === 'problem') this.problem = said.detail;
  }
  over(why) {
    this.ringing = false;
    this.talking = false;
    this.ended = why;
    if (this.pc) this.pc.close();
  }
  say(message) {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }
  async offer() {
    this.ended = '';
    this.stream = this.stream || (await navigator.mediaDevices.getUserMedia({ audio: AS_IT_IS }));
    this.pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle', iceServers: this.relays });
    this.stream.getTracks().forEach((track) => this.pc.addTrack(track, this.stream));
    await this.pc.setLocalDescription(await this.pc.createOffer());
    // The box needs none of the candidates: whatever way the page finds, it tells by using it.
    return this.pc.localDescription.sdp;
  }
  async answer() {
    this.say({ type: 'answer', leg: this.leg, sdp: await this.offer() });
  }
  async call(number) {
    this.say({ type: 'dial', number, sdp: await this.offer() });
  }
  async resume(leg) {
    this.say({ type: 'resume', leg: leg || this.leg, sdp: await this.offer() });
  }
  async reconnect() {
    const before = this.socket;
    await this.open();
    before.close();
  }
  async restart() {
    const before = this.pc;
    await this.resume();
    before.close();
  }
  async hangUp() {
    this.say({ type: 'hangup', leg: this.leg });
  }
}

// Lets this browser know one codec alone, and key presses: whatever it says and is told is without the others. What WebRTC has
// for that (setCodecPreferences) is about what is received; it may send another all the same.
function only(name) {
  const few = (sdp) => {
    const names = [...sdp.matchAll(/^a=rtpmap:(\d+) ([^/]+)/gm)].map(([, number, own]) => [number, own.toLowerCase()]);
    const others = names.filter(([, own]) => own !== name.toLowerCase() && own !== 'telephone-event');
    const gone = new Set(others.map(([number]) => number));
    const kept = sdp.split('\r\n').filter((line) => !gone.has((line.match(/^a=(?:rtpmap|fmtp|rtcp-fb):(\d+)/) || [])[1]));
    const audio = (line) => line.split(' ').filter((word, at) => at < 3 || !gone.has(word)).join(' ');
    return kept.map((line) => (line.startsWith('m=audio') ? audio(line) : line)).join('\r\n');
  };
  for (const method of ['setLocalDescription', 'setRemoteDescription']) {
    const take = RTCPeerConnection.prototype[method];
    RTCPeerConnection.prototype[method] = function takeFew({ type, sdp }) {
      return take.call(this, { type, sdp: few(sdp) });
    };
  }
}

window.phones = {
  only,
  desk: () => {
    window.phone = new Desk();
    return true;
  },
  make: (kind, server, user, password, options) => {
    const phone = kind === 'sip.js' ? new SipJs(server, user, password, options) : new JsSip(server, user, password);
    window.phone = phone;
    return true;
  },
  Ear,
};
