// Sends by Twilio's own library for Node through a door of ours: its address and a token as arguments. The library knows no
// other address than Twilio's, so the client that makes its requests turns them to ours.
import { createRequire } from 'node:module';
const require = createRequire(process.env.NODE_PATH + '/');
const twilio = require('twilio');

const [base, account, token] = process.argv.slice(2);
class Turned extends twilio.RequestClient {
  request(options) {
    const uri = options.uri.replace('https://api.twilio.com', base);
    return super.request({ ...options, uri });
  }
}
const client = twilio(account, token, { httpClient: new Turned() });
const made = await client.messages.create({ to: '+15551234567', from: '+15550100', body: 'from node' });
const wrong = await client.messages.create({ to: '+15559999999', from: '+15550100', body: 'x' }).catch((error) => [error.status, error.code]);
const [url, fields] = ['https://box.example/in', { MessageSid: 'SM1', From: '+15551234567', Body: 'hi' }];
const signature = twilio.getExpectedTwilioSignature(token, url, fields);
console.log(JSON.stringify({ sid: made.sid, status: made.status, created: made.dateCreated.toISOString(), wrong, signature }));
