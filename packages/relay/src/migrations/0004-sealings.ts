/**
 * The highest count of sealings that each device has sent: a vault that says less is an older copy. A table of its own, so that a
 * sender's submits never wait for those to its mailbox.
 */
export const sealings = `
CREATE TABLE sealings (
  account uuid   NOT NULL,
  mailbox uuid   NOT NULL,
  app     text   NOT NULL,
  count   bigint NOT NULL,
  PRIMARY KEY (account, mailbox, app)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
`;
