/** The day (since the epoch, UTC) from which on a user's other devices were told that this one will go. */
export const deviceWarnings = `
ALTER TABLE devices ADD warned_day integer;
`;
