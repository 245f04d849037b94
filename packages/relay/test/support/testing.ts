/** For the tests of other packages in this workspace (`@sotto/relay/testing`); not published. */
export { startPostgres, type PostgresServer } from './postgres.js';
export { startRedis, startRedisCluster, type RedisCluster, type RedisServer } from './redis.js';
export { startRelayProcess, type RelayProcess } from './process.js';
export { TcpProxy } from './proxy.js';
export { freePort } from './servers.js';
export { auth, connect, http, messageTo, newUser, TEST_APP, type TestDevice, type TestSocket } from './device.js';
