import { constants } from "node:http2";

/** What the other side did against HTTP/2; the whole connection ends over it (RFC 9113, 5.4.1). */
export class Http2Error extends Error {
  /** RFC 9113, 7. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }

  static protocol(message: string): Http2Error {
    return new Http2Error(constants.NGHTTP2_PROTOCOL_ERROR, message);
  }

  static compression(message: string): Http2Error {
    return new Http2Error(constants.NGHTTP2_COMPRESSION_ERROR, message);
  }

  static frameSize(message: string): Http2Error {
    return new Http2Error(constants.NGHTTP2_FRAME_SIZE_ERROR, message);
  }

  static flowControl(message: string): Http2Error {
    return new Http2Error(constants.NGHTTP2_FLOW_CONTROL_ERROR, message);
  }
}
