import {
  aci,
  bundlesRequest,
  bundlesResponse,
  deviceListResponse,
  devicesResponse,
  DEVICE_HEADER,
  errorBody,
  ERROR_CODES,
  ERROR_TEXTS,
  limits,
  linkTokenResponse,
  okResponse,
  preKeyCounts,
  PROTOCOL_VERSION,
  putDeviceListRequest,
  putPreKeysRequest,
  registerRequest,
  registerResponse,
  ROUTES,
  VERSION_HEADER,
  type ErrorCode,
} from '@sotto/protocol';
import * as s from '@sotto/protocol/schema';

interface Operation {
  summary: string;
  request?: s.Schema<unknown>;
  response: s.Schema<unknown>;
  /** Besides those that every route can answer with. */
  errors: ErrorCode[];
  /** Registration is the one route that has no device yet. */
  withoutDevice?: true;
}

/** One entry for each route: a route without one does not compile. */
export const OPERATIONS: Record<keyof typeof ROUTES, Operation> = {
  register: {
    summary: 'Registers this browser as a device of the token’s user. Repeating an attempt yields the same device.',
    request: registerRequest,
    response: registerResponse,
    errors: ['needs-device', 'identity-mismatch', 'link-token-invalid', 'reset-refused', 'device-limit'],
    withoutDevice: true,
  },
  getDevices: {
    summary: 'The devices of the caller’s own user, with the day on which each last connected.',
    response: devicesResponse,
    errors: [],
  },
  putDeviceList: {
    summary: 'Replaces the caller’s device list by its successor. Devices that it no longer names are removed.',
    request: putDeviceListRequest,
    response: okResponse,
    errors: ['device-list-conflict'],
  },
  getDeviceList: {
    summary: 'The current device list of a user.',
    response: deviceListResponse,
    errors: ['user-unknown'],
  },
  linkToken: {
    summary: 'A one-time token with which one further device may register.',
    response: linkTokenResponse,
    errors: [],
  },
  putPreKeys: {
    summary: 'Adds to the caller’s prekeys.',
    request: putPreKeysRequest,
    response: preKeyCounts,
    errors: [],
  },
  bundles: {
    summary: 'Prekey bundles of the named devices. Uses up one-time keys.',
    request: bundlesRequest,
    response: bundlesResponse,
    errors: ['user-unknown'],
  },
  removeSelf: {
    summary: 'Removes the calling device: mailbox, prekeys, registration.',
    response: okResponse,
    errors: [],
  },
};

const COMMON: ErrorCode[] = [
  'bad-request',
  'token-missing',
  'token-invalid',
  'token-expired',
  'app-unknown',
  'origin-refused',
  'address-refused',
  'upgrade-required',
  'rate-limited',
  'unavailable',
  'internal',
];

/** The HTTP side of the relay as OpenAPI 3.1, from the schemas that parse the requests. */
export function openApi(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const [name, { method, path }] of Object.entries(ROUTES) as [
    keyof typeof ROUTES,
    (typeof ROUTES)[keyof typeof ROUTES],
  ][]) {
    const template = path.replace(':user', '{user}');
    paths[template] = { ...paths[template], [method.toLowerCase()]: operation(name, path.includes(':user')) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Sotto relay',
      version: String(PROTOCOL_VERSION),
      description:
        'Devices, device lists and prekeys. Bytes are base64url without padding. Messages travel over Socket.IO.',
    },
    paths,
    components: {
      schemas: { Error: s.toJsonSchema(errorBody, 'output') },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'Signed by the app’s own backend.' },
        device: {
          type: 'apiKey',
          in: 'header',
          name: DEVICE_HEADER,
          description: 'deviceId.secret, the secret as base64url.',
        },
      },
    },
  };
}

function operation(name: keyof typeof ROUTES, hasUser: boolean): object {
  const { summary, request, response, errors, withoutDevice } = OPERATIONS[name];
  const parameters: object[] = [
    { name: VERSION_HEADER, in: 'header', schema: { type: 'integer' }, description: 'The client’s protocol version.' },
  ];
  if (hasUser) parameters.push({ name: 'user', in: 'path', required: true, schema: s.toJsonSchema(aci, 'input') });
  const codes: ErrorCode[] = [...COMMON, ...errors, ...(request ? (['too-large'] as const) : [])];
  if (!withoutDevice) codes.push('device-unknown', 'device-gone');
  return {
    operationId: name,
    summary,
    parameters,
    security: [withoutDevice ? { token: [] } : { token: [], device: [] }],
    ...(request && {
      requestBody: { required: true, content: content(s.toJsonSchema(request, 'input')), description: bodyLimit() },
    }),
    responses: {
      200: { description: 'Done.', content: content(s.toJsonSchema(response, 'input')) },
      ...refusals(codes),
    },
  };
}

function bodyLimit(): string {
  return `At most ${limits.MAX_HTTP_BODY_BYTES} bytes.`;
}

function refusals(codes: ErrorCode[]): Record<string, object> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const { status } = ERROR_CODES[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, names]) => [
      status,
      {
        description: names.map((code) => `\`${code}\`: ${ERROR_TEXTS[code].meaning}`).join('\n'),
        content: content({ $ref: '#/components/schemas/Error' }),
      },
    ]),
  );
}

function content(schema: object): object {
  return { 'application/json': { schema } };
}
