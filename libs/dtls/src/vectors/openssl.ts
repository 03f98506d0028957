import type { RecordedAssociation } from "./recorded-association.ts";

/**
 * Made by OpenSSL 3.0.19 (Debian): `openssl s_client` and `s_server`, a relay between them that wrote down every datagram, and `-keylogfile` the
 * master secret.
 */
export const OPENSSL: readonly RecordedAssociation[] = [
  {
    title: "PSK AES_128_GCM",
    suite: 0x00a8,
    encryptThenMac: false,
    clientCid: "",
    serverCid: "",
    psk: "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    extendedMasterSecret: true,
    masterSecret: "d4ab3d372d3eb660eea19830931dfbd34421305081175429b639330395718550931eec4bb614ced605c0946a852c0da1",
    clientRandom: "4e1ee21a088c6949fed6fd78ca6d682344ce97545bfaf31c7551bed6ca450887",
    serverRandom: "2f76714915543e80533c76d67b296a34df1de1f1c6a8d0c56623d38de2f4c7b0",
    handshake: `
      010000780001000000000078fefd4e1ee21a088c6949fed6fd78ca6d682344ce97545bfaf31c7551  # ClientHello
      bed6ca4508870014271319c1f8368d13baeb71e203cf0f5fedbf4117000400a800ff010000360016
      000000170000000d002a0028040305030603080708080809080a080b080408050806040105010601
      030303010302040205020602
      020000510001000000000051fefd2f76714915543e80533c76d67b296a34df1de1f1c6a8d0c56623  # ServerHello
      d38de2f4c7b0201979f286b3835a79308284ee7172df22fbfa2da49c810fcdc01f32fa54eafa4d00
      a8000009ff0100010000170000
      0e0000000002000000000000  # ServerHelloDone
      10000009000200000000000900076f70656e73736c  # ClientKeyExchange
    `,
    records: [
      {
        from: "client",
        type: "finished",
        record: `
          16fefd00010000000000000030  # header
          d35fe40493b96ec4  # explicit nonce
          4a6394c0d6713157d7fd571a5607bcdfdf3d821716cc378c985de22e6752a5bcdb408e592e393699
        `,
      },
      {
        from: "server",
        type: "finished",
        record: `
          16fefd00010000000000000030  # header
          85972d573e2bf3df  # explicit nonce
          a061c1381e16ba473916c905d89fd80f59d5820a26b468ffba820d7329239a9896118ce5fd5d5720
        `,
      },
      {
        from: "client",
        type: "data",
        content: "CoAP",
        record: `
          17fefd0001000000000001001c  # header
          d35fe40493b96ec5  # explicit nonce
          2864b2fbc18cfdccae572706ce8638205d997b34
        `,
      },
      {
        from: "server",
        type: "data",
        content: "CoAP",
        record: `
          17fefd0001000000000001001c  # header
          85972d573e2bf3e0  # explicit nonce
          f64aa5bdc2701b739fd20f7d94bfce7677835f3d
        `,
      },
      {
        from: "client",
        type: "data",
        content: "a",
        record: `
          17fefd00010000000000020019  # header
          d35fe40493b96ec6  # explicit nonce
          6dd9fe5c6ccf55bb6423fa371c241a3022
        `,
      },
      {
        from: "server",
        type: "data",
        content: "a",
        record: `
          17fefd00010000000000020019  # header
          85972d573e2bf3e1  # explicit nonce
          6c543a874c2eb2817ba34a6727a8cca812
        `,
      },
      {
        from: "client",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          17fefd00010000000000030028  # header
          d35fe40493b96ec7  # explicit nonce
          3b6165a6d0dbe17d58de99bf380509b82cfdea9a06500953232592cac188d5c5
        `,
      },
      {
        from: "server",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          17fefd00010000000000030028  # header
          85972d573e2bf3e2  # explicit nonce
          6d2486df73e93170ecf1353e74d8c33649b2db74ea9f575886f0d07265f4e54c
        `,
      },
      {
        from: "client",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          17fefd00010000000000040046  # header
          d35fe40493b96ec8  # explicit nonce
          fd7d197e6e6502febec89b103f228837d9124557e956e3f0363f4a11357b5c4673b527b004865a2a
          284ddd771013d3aae58a22df90988eb74414faf32ff5
        `,
      },
      {
        from: "server",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          17fefd00010000000000040046  # header
          85972d573e2bf3e3  # explicit nonce
          d2f13e66721b17fafdc76d18bc1c3d4c3008eb89bcdec8f71f33e7dfd4fec2883f3f38a15e70c44d
          c87c6f9a98a35376a5913f4f0cec9928d06906b336ce
        `,
      },
    ],
  },
  {
    title: "PSK AES_128_CBC, encrypt-then-MAC",
    suite: 0x00ae,
    encryptThenMac: true,
    clientCid: "",
    serverCid: "",
    psk: "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    extendedMasterSecret: true,
    masterSecret: "6506c3b98234ea9c6f109f5d0edcafb60304fda5beced627be736732fd361eacc6ab1df2399729fc20a26c8633932e79",
    clientRandom: "56c8534a2694be61f40c9fc9ed597f9902245f3e0cd1aebca4efb3dc6beb4c28",
    serverRandom: "d7d92a329d61c56a6ae2411c84247afc3593221944591e3ba29674acec7dd78b",
    handshake: `
      010000780001000000000078fefd56c8534a2694be61f40c9fc9ed597f9902245f3e0cd1aebca4ef  # ClientHello
      b3dc6beb4c2800144db7719b70cd507aee2a523857756436511433b7000400ae00ff010000360016
      000000170000000d002a0028040305030603080708080809080a080b080408050806040105010601
      030303010302040205020602
      020000550001000000000055fefdd7d92a329d61c56a6ae2411c84247afc3593221944591e3ba296  # ServerHello
      74acec7dd78b20f5730798c7af0d29ab0e1c376812b4fd1ad270f61d578e03255a8048da1174e900
      ae00000dff010001000016000000170000
      0e0000000002000000000000  # ServerHelloDone
      10000009000200000000000900076f70656e73736c  # ClientKeyExchange
    `,
    records: [
      {
        from: "client",
        type: "finished",
        record: `
          16fefd00010000000000000050  # header
          5d99022328729e152d62e36de1318cce  # IV
          96caac117e5d4c8370e386f1857af39204bcbed5633d5663777b783c09948755ccc6e31eb9b28e5f
          57092263e238a57a77555aa07028a3ba10e86265dab86485
        `,
      },
      {
        from: "server",
        type: "finished",
        record: `
          16fefd00010000000000000050  # header
          08fec2d0e73f20d9cd2be8c79a0e24d6  # IV
          1b9f3066cdb09064d8c5cfe7d4791b91068cb2b0e0c4af04653224e5fa71257da01072be3689ff22
          2d6e5594c02c55868cec1dfd1f66635c37454a86bfad8ce4
        `,
      },
      {
        from: "client",
        type: "data",
        content: "CoAP",
        record: `
          17fefd00010000000000010040  # header
          997aea82a37d0fb66b9242bab38ab55b  # IV
          9d247fee69a780ce00c14e1632810d88aa52e0c5e4bef76c781f841e75450490c987efd3fb45fea3
          16f9b2b4a95bdf9a
        `,
      },
      {
        from: "server",
        type: "data",
        content: "CoAP",
        record: `
          17fefd00010000000000010040  # header
          0bd30031ea5ee7c8c96f5300644f45c6  # IV
          635e908126f1262893428c4d3a1ef7f6ffee5d1ce23c8ccc3fea871a2bbdc6bbc353df325a4c3a5b
          f3ac9f1a8c114319
        `,
      },
      {
        from: "client",
        type: "data",
        content: "a",
        record: `
          17fefd00010000000000020040  # header
          caefc1edadd60e3f2fdae458f8631117  # IV
          9f94c6d8f4211ca8852e2f8dd3686b213ff90e313be47eb0efebb1d9e13d8d9e6a96d7598a6617a2
          b7adf974b9cf351d
        `,
      },
      {
        from: "server",
        type: "data",
        content: "a",
        record: `
          17fefd00010000000000020040  # header
          7a12399e321ff21030964f1acc86a0a3  # IV
          318c61c43afe2bede0eab2caa6d9fa285fd8ea00de35f152658a9deeecfcea3d9f2f0f757436e480
          05a7bdb0cd105ee8
        `,
      },
      {
        from: "client",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          17fefd00010000000000030050  # header
          ceeda021283bbb0bdf37ccec6bffff59  # IV
          e0c75bd0f7978ee75504e20fd89aef810542d1ff930536dd31c415a39ee1457055b0c5d4425fa53c
          de693c9b772c1111ca2efd3833e56bd00fc03a899343775a
        `,
      },
      {
        from: "server",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          17fefd00010000000000030050  # header
          5207a8927e01931d605490e7787203d5  # IV
          1b83e270ff72316adab6888ef8ec906a5fc4de5448a5571aca90be3487be0f5cfdc568c89387510e
          c7755eec55ae3495d8cc17347368c8f382b6f494a15c0396
        `,
      },
      {
        from: "client",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          17fefd00010000000000040060  # header
          0f829cc62c78358cac01c49c99655719  # IV
          f3b7eec742f59d2211bcea0e247371399b60b8a7d798e53989d7b30a0fddd066eac05a5ccb446439
          634748a32c3a918fdcd25bc4f3d9d25233aabbeea384d024b8e66f3dd3a2e1f4cae39a2fc3d5db88
        `,
      },
      {
        from: "server",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          17fefd00010000000000040060  # header
          dd864b631adaf270402c05eff1af85e4  # IV
          949cdad05ea040947d7d73b629737caa1aa96d9cd4a47aef79f22785892253457a494d6af4868ce4
          93aa48128579c89577eafdd3f85d708f9a353afb1015d03fe627aa0484a160a62ef3792ca5e0d6b5
        `,
      },
    ],
  },
];
