-- Version 1 of the tables that a hub fills for reporting tools.
create function branchline.moment(micros bigint) returns timestamptz language sql immutable parallel safe
  return timestamptz 'epoch' + micros * interval '1 microsecond';

-- Where in each stream the rows end; written together with them.
create table branchline.positions (stream text primary key, next bigint not null);

create table branchline.outboxes (
  site text not null, epoch text not null, upto bigint not null, received timestamptz not null,
  primary key (site, epoch)
);
create table branchline.events (
  site text not null, epoch text not null, n bigint not null, class text not null, kind text,
  at timestamptz, received timestamptz not null, body jsonb,
  primary key (site, epoch, n)
);
create index events_by_kind on branchline.events (kind, at);
create table branchline.lost (
  site text not null, epoch text not null, first_n bigint not null, last_n bigint not null,
  primary key (site, epoch, first_n)
);
create table branchline.calls (
  site text not null, call text not null, direction text, from_number text, to_number text, party text, contact text,
  arrived timestamptz, answered timestamptz, connected timestamptz, ended timestamptz,
  queue text, agent text, cause text, class text, fee_millionths bigint, legs integer, recordings integer,
  primary key (site, call)
);
create index calls_by_time on branchline.calls (arrived);
create table branchline.messages (
  site text not null, message text not null, conversation text, contact text, direction text, channel text,
  subject text, text text, status text, begun timestamptz, changed timestamptz,
  primary key (site, message)
);
create index messages_by_time on branchline.messages (begun);
create table branchline.contacts (
  site text not null, contact text not null, name text, created timestamptz, changed timestamptz, erased timestamptz,
  primary key (site, contact)
);
create table branchline.agent_states (
  site text not null, epoch text not null, n bigint not null, at timestamptz, agent text, presence text, reason text,
  idle_since timestamptz,
  primary key (site, epoch, n)
);
create index agent_states_by_agent on branchline.agent_states (agent, at);
