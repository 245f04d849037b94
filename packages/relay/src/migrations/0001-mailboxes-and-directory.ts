/**
 * Mailbox tables are keyed by `mailbox`, directory tables by `account` or `mailbox`: nothing stands in the way of
 * distributing them. Every row carries its app, every statement names it.
 */
export const mailboxesAndDirectory = `
CREATE TABLE settings (
  name  text PRIMARY KEY,
  value bytea NOT NULL
);

CREATE TABLE mailboxes (
  mailbox      uuid     PRIMARY KEY,
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
  mark_at      bigint   NOT NULL DEFAULT 0
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
  payload             bytea    NOT NULL,
  PRIMARY KEY (mailbox, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.2);
-- Ciphertext does not compress; trying costs time.
ALTER TABLE envelopes ALTER payload SET STORAGE EXTERNAL;
-- For the expiry sweep. Costs the write path nothing worth mentioning.
CREATE INDEX envelopes_at ON envelopes USING brin (at);

CREATE TABLE dedupes (
  mailbox uuid   NOT NULL,
  digest  uuid   NOT NULL,
  app     text   NOT NULL,
  -- An upper bound of the envelope's seq: the key may go some time after this position was acknowledged.
  upto    bigint NOT NULL,
  PRIMARY KEY (mailbox, digest)
) WITH (autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE users (
  account           uuid    PRIMARY KEY,
  app               text    NOT NULL,
  identity_key      bytea,
  list_record       bytea,
  list_signature    bytea,
  list_version      integer NOT NULL DEFAULT 0,
  next_list_version integer NOT NULL DEFAULT 1
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
  PRIMARY KEY (account, mailbox)
);
CREATE UNIQUE INDEX devices_living ON devices (account, device) WHERE removed_at IS NULL;

CREATE TABLE link_tokens (
  account    uuid   NOT NULL,
  hash       bytea  NOT NULL,
  app        text   NOT NULL,
  expires_at bigint NOT NULL,
  PRIMARY KEY (account, hash)
);

CREATE TABLE used_resets (
  account    uuid   NOT NULL,
  hash       bytea  NOT NULL,
  app        text   NOT NULL,
  expires_at bigint NOT NULL,
  PRIMARY KEY (account, hash)
);

-- kind: 0 one-time, 1 one-time KEM, 2 signed, 3 last-resort KEM. record: key, then signatures where the kind has them.
CREATE TABLE prekeys (
  mailbox uuid     NOT NULL,
  kind    smallint NOT NULL,
  id      integer  NOT NULL,
  app     text     NOT NULL,
  record  bytea    NOT NULL,
  PRIMARY KEY (mailbox, kind, id)
);
ALTER TABLE prekeys ALTER record SET STORAGE EXTERNAL;

-- Digests of one-time prekeys that were handed out: an upload that is repeated must not bring one back.
CREATE TABLE spent_prekeys (
  mailbox uuid   NOT NULL,
  digest  uuid   NOT NULL,
  app     text   NOT NULL,
  at      bigint NOT NULL,
  PRIMARY KEY (mailbox, digest)
);
`;
