/**
 * Every row carries its app, every key ends with it, every statement names it: the tables can be distributed by app (see
 * the README; a test holds this). It stands last because lookups are by mailbox or account. No foreign
 * keys and no sequences.
 */
export const mailboxesAndDirectory = `
CREATE TABLE settings (
  name  text PRIMARY KEY,
  value bytea NOT NULL
);

CREATE TABLE mailboxes (
  mailbox      uuid     NOT NULL,
  app          text     NOT NULL,
  account      uuid     NOT NULL,
  device       smallint NOT NULL,
  registration smallint NOT NULL,
  listed       boolean  NOT NULL,
  head         bigint   NOT NULL DEFAULT 0,
  acked        bigint   NOT NULL DEFAULT 0,
  acked_id     bytea,
  held         integer  NOT NULL DEFAULT 0,
  held_bytes   bigint   NOT NULL DEFAULT 0,
  -- Everything up to mark_seq was acknowledged or expired before mark_at: see the sweep of dedupe keys.
  mark_seq     bigint   NOT NULL DEFAULT 0,
  mark_at      bigint   NOT NULL DEFAULT 0,
  PRIMARY KEY (mailbox, app)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE envelopes (
  mailbox             uuid     NOT NULL,
  seq                 bigint   NOT NULL,
  app                 text     NOT NULL,
  id                  bytea    NOT NULL,
  sender              uuid     NOT NULL,
  sender_device       smallint NOT NULL,
  sender_registration smallint NOT NULL,
  at                  bigint   NOT NULL,
  size                integer  NOT NULL,
  -- Either the bytes, or the name of what several envelopes share.
  payload             bytea,
  shared              uuid,
  PRIMARY KEY (mailbox, seq, app)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.2);
-- Ciphertext does not compress; trying costs time.
ALTER TABLE envelopes ALTER payload SET STORAGE EXTERNAL;
-- For the expiry sweep. Costs the write path nothing worth mentioning.
CREATE INDEX envelopes_at ON envelopes USING brin (at);
-- Says whether a shared payload is still needed. Nothing enters it for an envelope that has its own.
CREATE INDEX envelopes_shared ON envelopes (shared, app) WHERE shared IS NOT NULL;

-- One ciphertext for many devices. Written with its envelopes, never referred to later, swept when none of them is left.
CREATE TABLE payloads (
  payload uuid  NOT NULL,
  app     text  NOT NULL,
  bytes   bytea NOT NULL,
  PRIMARY KEY (payload, app)
);
ALTER TABLE payloads ALTER bytes SET STORAGE EXTERNAL;

CREATE TABLE dedupes (
  mailbox uuid   NOT NULL,
  digest  uuid   NOT NULL,
  app     text   NOT NULL,
  -- An upper bound of the envelope's seq: the key may go some time after this position was acknowledged.
  upto    bigint NOT NULL,
  PRIMARY KEY (mailbox, digest, app)
) WITH (autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE users (
  account           uuid    NOT NULL,
  app               text    NOT NULL,
  identity_key      bytea,
  list_record       bytea,
  list_signature    bytea,
  list_version      integer NOT NULL DEFAULT 0,
  next_list_version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (account, app)
);

CREATE TABLE devices (
  account      uuid     NOT NULL,
  mailbox      uuid     NOT NULL,
  app          text     NOT NULL,
  device       smallint NOT NULL,
  registration smallint NOT NULL,
  secret_hash  bytea    NOT NULL,
  attempt_hash bytea    NOT NULL,
  listed       boolean  NOT NULL,
  created_at   bigint   NOT NULL,
  removed_at   bigint,
  PRIMARY KEY (account, mailbox, app)
);
CREATE UNIQUE INDEX devices_living ON devices (account, device, app) WHERE removed_at IS NULL;

CREATE TABLE link_tokens (
  account    uuid   NOT NULL,
  hash       bytea  NOT NULL,
  app        text   NOT NULL,
  expires_at bigint NOT NULL,
  PRIMARY KEY (account, hash, app)
);

CREATE TABLE used_resets (
  account    uuid   NOT NULL,
  hash       bytea  NOT NULL,
  app        text   NOT NULL,
  expires_at bigint NOT NULL,
  PRIMARY KEY (account, hash, app)
);

-- kind: 0 one-time, 1 one-time KEM, 2 signed, 3 last-resort KEM. record: key, then signatures where the kind has them.
CREATE TABLE prekeys (
  mailbox uuid     NOT NULL,
  kind    smallint NOT NULL,
  id      integer  NOT NULL,
  app     text     NOT NULL,
  record  bytea    NOT NULL,
  PRIMARY KEY (mailbox, kind, id, app)
);
ALTER TABLE prekeys ALTER record SET STORAGE EXTERNAL;

-- Digests of one-time prekeys that were handed out: an upload that is repeated must not bring one back.
CREATE TABLE spent_prekeys (
  mailbox uuid   NOT NULL,
  digest  uuid   NOT NULL,
  app     text   NOT NULL,
  at      bigint NOT NULL,
  PRIMARY KEY (mailbox, digest, app)
);
`;
