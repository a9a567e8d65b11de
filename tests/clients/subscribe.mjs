// Drives our socket with the ecosystem's own client: one line of JSON for whatever it is told.
//   node subscribe.mjs URL QUERY VARIABLES COUNT
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [url, query, variables, count] = process.argv.slice(2);
const say = (kind, told) => console.log(JSON.stringify({ kind, ...told }));
const client = createClient({
  url,
  webSocketImpl: WebSocket,
  retryAttempts: 0,
  lazy: true,
  on: {
    connected: () => say('connected', {}),
    closed: (event) => say('closed', { code: event.code, reason: event.reason }),
  },
});

let left = Number(count);
const done = (kind, told) => {
  say(kind, told);
  client.dispose();
};
const stop = client.subscribe(
  { query, variables: JSON.parse(variables) },
  {
    next: (value) => {
      say('next', value);
      if (--left === 0) stop();
    },
    error: (error) => done('error', { code: error?.code, told: Array.isArray(error) ? error : [] }),
    complete: () => done('complete', {}),
  },
);
