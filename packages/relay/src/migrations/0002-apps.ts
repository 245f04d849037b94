/** Apps that are made at run time. `record` is JSON: see `apps/app-record.ts`. */
export const apps = `
CREATE TABLE apps (
  app        text   PRIMARY KEY,
  state      text   NOT NULL,
  since      bigint NOT NULL,
  created_at bigint NOT NULL,
  record     text   NOT NULL
);

-- To find what belongs to an app when it is deleted; written only when a user or a device is new.
-- Only what deletes says that devices are above zero: no other statement can be planned to walk through all mailboxes of an app.
CREATE INDEX mailboxes_app ON mailboxes (app, mailbox) WHERE device > 0;
CREATE INDEX users_app ON users (app, account);
`;
