/** The audience that every login token must name. */
export const TOKEN_AUDIENCE = 'sotto';

/** The claim that permits `reset`; ordinary tokens lack it. */
export const RESET_CLAIM = 'sotto_reset';

/** A token with {@link RESET_CLAIM} may be at most this old, in seconds. */
export const RESET_TOKEN_MAX_AGE_SECONDS = 300;
