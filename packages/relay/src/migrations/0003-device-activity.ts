/** The day (since the epoch, UTC) on which a device last connected. Devices that exist count as seen today. */
export const deviceActivity = `
ALTER TABLE devices ADD seen_day integer NOT NULL DEFAULT floor(extract(epoch FROM now()) / 86400);
CREATE INDEX devices_seen ON devices (seen_day) WHERE removed_at IS NULL;
`;
