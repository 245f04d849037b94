// The client's worker in one file, for pages without a bundler.
import '@sotto/sdk/engine-worker';
