import type { RecordedAssociation } from "./recorded-association.ts";

/**
 * Made by Scandium 4.0.0-M6 (Maven Central, `org.eclipse.californium:scandium`): a DTLSConnector as client and one as server on the
 * loopback interface, a relay between them that wrote down every datagram. The server answers with what it got.
 */
export const SCANDIUM: readonly RecordedAssociation[] = [
  {
    title: "PSK AES_128_CCM_8, with empty Connection IDs",
    suite: 0xc0a8,
    encryptThenMac: false,
    clientCid: "",
    serverCid: "",
    psk: "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    extendedMasterSecret: true,
    masterSecret: undefined,
    clientRandom: "6b046d2bf02c49397d86de5d88c28b164e295c4275dca3290922dc6bd4679b8b",
    serverRandom: "6b046d2bb6172f83d35d01e814ccfa98c33dab09e4bc62cca378e99c15143a1f",
    handshake: `
      010000570001000000000057fefd6b046d2bf02c49397d86de5d88c28b164e295c4275dca3290922  # ClientHello
      dc6bd4679b8b00200499a85c40c7f945ed2050e8ba89db6431efb5c432e67f596e7374c1df0b880b
      0004c0a800ff01000009001700000036000100
      020000560001000000000056fefd6b046d2bb6172f83d35d01e814ccfa98c33dab09e4bc62cca378  # ServerHello
      e99c15143a1f20a4f01c1de3cf3e588736b4f2c7b0c15897f13d8be7ba41371c020cbae7b4aaadc0
      a800000e00170000ff010001000036000100
      0e0000000002000000000000  # ServerHelloDone
      1000000a000200000000000a00087363616e6469756d  # ClientKeyExchange
    `,
    records: [
      {
        from: "client",
        type: "finished",
        record: `
          16fefd00010000000000000028  # header
          0001000000000000  # explicit nonce
          9d7ecc29804445a10d9dc05251b22c8058258c257bdee189721f2268f31d39ea
        `,
      },
      {
        from: "server",
        type: "finished",
        record: `
          16fefd00010000000000000028  # header
          0001000000000000  # explicit nonce
          a05253193a37646f58c43f9ed1e2f15b4d70bedc95874582189f37987191fddf
        `,
      },
      {
        from: "client",
        type: "data",
        content: "CoAP",
        record: `
          17fefd00010000000000010014  # header
          0001000000000001  # explicit nonce
          7249016890537d246d46a0fe
        `,
      },
      {
        from: "server",
        type: "data",
        content: "CoAP",
        record: `
          17fefd00010000000000010014  # header
          0001000000000001  # explicit nonce
          e1f1c2c4783266c719bef8e9
        `,
      },
      {
        from: "client",
        type: "data",
        content: "a",
        record: `
          17fefd00010000000000020011  # header
          0001000000000002  # explicit nonce
          7ea23bf864e7a4024e
        `,
      },
      {
        from: "server",
        type: "data",
        content: "a",
        record: `
          17fefd00010000000000020011  # header
          0001000000000002  # explicit nonce
          e41302b53c6f09f961
        `,
      },
      {
        from: "client",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          17fefd00010000000000030020  # header
          0001000000000003  # explicit nonce
          62ad9d38a319a296c09853da50994711e1e29d13928a0ecf
        `,
      },
      {
        from: "server",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          17fefd00010000000000030020  # header
          0001000000000003  # explicit nonce
          655cefba3df38804288a7904cb599597dbf350ceef3315b0
        `,
      },
      {
        from: "client",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          17fefd0001000000000004003e  # header
          0001000000000004  # explicit nonce
          20e32eff7342569f51f15760a9015ea32945c3fba03c3ca033cbb7064702ce3b5e55df0e830f3371
          b78f69a560be6f53eeeead1ca90c
        `,
      },
      {
        from: "server",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          17fefd0001000000000004003e  # header
          0001000000000004  # explicit nonce
          9e6717d4728a4c70e85ed94789f1f664aa9db8f33f3795d17c4affb27b80ce718468e6b63b4ade28
          59a0dbe796be32df5f95dce49261
        `,
      },
    ],
  },
  {
    title: "PSK AES_128_CCM_8, with a Connection ID to the server",
    suite: 0xc0a8,
    encryptThenMac: false,
    clientCid: "",
    serverCid: "be6f7b74497a46aa",
    psk: "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    extendedMasterSecret: true,
    masterSecret: undefined,
    clientRandom: "6b046ca515521d973209deb0a3fcadbdf84bf60907fb7be8d98622473e2d59c1",
    serverRandom: "6b046ca59b57c3aa74858470e60eb32a8720eca63cec6a258cc3a70bbbc9fa75",
    handshake: `
      010000570001000000000057fefd6b046ca515521d973209deb0a3fcadbdf84bf60907fb7be8d986  # ClientHello
      22473e2d59c10020003b20f302807a1fd5e2e112806e19eec8c193dbf652b742d085383d6110094e
      0004c0a800ff01000009001700000036000100
      0200005e000100000000005efefd6b046ca59b57c3aa74858470e60eb32a8720eca63cec6a258cc3  # ServerHello
      a70bbbc9fa752002e07ce7026a5b37234fbfcaf1cd5104e9fc5281525a132ac4f5e2847639aab0c0
      a800001600170000ff010001000036000908be6f7b74497a46aa
      0e0000000002000000000000  # ServerHelloDone
      1000000a000200000000000a00087363616e6469756d  # ClientKeyExchange
    `,
    records: [
      {
        from: "client",
        type: "finished",
        record: `
          19fefd0001000000000000be6f7b74497a46aa0029  # header
          0001000000000000  # explicit nonce
          d71e9f355ca72d03034d9cbf2cffcfe3b979d1a13c4487b3c7b2d3be2d2547c0fb
        `,
      },
      {
        from: "server",
        type: "finished",
        record: `
          16fefd00010000000000000028  # header
          0001000000000000  # explicit nonce
          cc031ff7aedbaeed90bbcf4c73397dcc09c6b11bfc7cf217013df019ec16f989
        `,
      },
      {
        from: "client",
        type: "data",
        content: "CoAP",
        record: `
          19fefd0001000000000001be6f7b74497a46aa0015  # header
          0001000000000001  # explicit nonce
          c26ae4fe0b6af1086a4d24b44f
        `,
      },
      {
        from: "server",
        type: "data",
        content: "CoAP",
        record: `
          17fefd00010000000000010014  # header
          0001000000000001  # explicit nonce
          23fb2094a64bbd88df8ce84c
        `,
      },
      {
        from: "client",
        type: "data",
        content: "a",
        record: `
          19fefd0001000000000002be6f7b74497a46aa0012  # header
          0001000000000002  # explicit nonce
          0513266da9042ec9e50e
        `,
      },
      {
        from: "server",
        type: "data",
        content: "a",
        record: `
          17fefd00010000000000020011  # header
          0001000000000002  # explicit nonce
          8940d141b3042e968c
        `,
      },
      {
        from: "client",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          19fefd0001000000000003be6f7b74497a46aa0021  # header
          0001000000000003  # explicit nonce
          b4cea99851916df4aaf2b27e00da5ca388cfa1b805f8be6977
        `,
      },
      {
        from: "server",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          17fefd00010000000000030020  # header
          0001000000000003  # explicit nonce
          1f90a8f2c8e9b2d7c10e21f144bc576adf6993f6ac7a8d33
        `,
      },
      {
        from: "client",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          19fefd0001000000000004be6f7b74497a46aa003f  # header
          0001000000000004  # explicit nonce
          2fa21f3bfcd492db47d7303515e2540697942ae64430b4860eea74301667433a203523d4435367ae
          b4fb042899420ea55d7b85c57e2a76
        `,
      },
      {
        from: "server",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          17fefd0001000000000004003e  # header
          0001000000000004  # explicit nonce
          77cdb335ae0839c7828fd3bc0c38156daee9f799b9c11ea343525cb406b096580710a96b15c30069
          a99aba3234e2a653e19357ced7e7
        `,
      },
    ],
  },
  {
    title: "PSK AES_128_GCM, with Connection IDs",
    suite: 0x00a8,
    encryptThenMac: false,
    clientCid: "9e535fb94311",
    serverCid: "02d6c8becd593100",
    psk: "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    extendedMasterSecret: true,
    masterSecret: undefined,
    clientRandom: "6b046ca674f273b101e0455fb149778b0b7ccdd3ae93843cd9531c5c574d0b02",
    serverRandom: "6b046ca66fd302e07eed83293536776554f93b9b627bdfdc9c608064c9c3461d",
    handshake: `
      0100005d000100000000005dfefd6b046ca674f273b101e0455fb149778b0b7ccdd3ae93843cd953  # ClientHello
      1c5c574d0b020020090c57897f77bb4ed6f354f0e5a0846e58dccc6f03af4c08a6c4af87d147852c
      000400a800ff0100000f0017000000360007069e535fb94311
      0200005e000100000000005efefd6b046ca66fd302e07eed83293536776554f93b9b627bdfdc9c60  # ServerHello
      8064c9c3461d20ebc9d89c50934f1255de61411e414dcd9b5e8d62831748bb7c5b8afec1414a3700
      a800001600170000ff01000100003600090802d6c8becd593100
      0e0000000002000000000000  # ServerHelloDone
      1000000a000200000000000a00087363616e6469756d  # ClientKeyExchange
    `,
    records: [
      {
        from: "client",
        type: "finished",
        record: `
          19fefd000100000000000002d6c8becd5931000031  # header
          0001000000000000  # explicit nonce
          a3ee29919c44234cf9cc09fdf413ce2cd68fee7464eb2e4619a2369d7d39073c8a24d769e47fcacb
          f2
        `,
      },
      {
        from: "server",
        type: "finished",
        record: `
          19fefd00010000000000009e535fb943110031  # header
          0001000000000000  # explicit nonce
          8db071db552741ce8a81a2c9515d6f18e9be30e8eee1807084fc3d114fbd28c1095fc02fd2173eac
          40
        `,
      },
      {
        from: "client",
        type: "data",
        content: "CoAP",
        record: `
          19fefd000100000000000102d6c8becd593100001d  # header
          0001000000000001  # explicit nonce
          8c65ba39b109fbf64c2b8121a7d9fb1d53c093114e
        `,
      },
      {
        from: "server",
        type: "data",
        content: "CoAP",
        record: `
          19fefd00010000000000019e535fb94311001d  # header
          0001000000000001  # explicit nonce
          38a7ded17c94700f7e14ea92ec524963cc35cb061a
        `,
      },
      {
        from: "client",
        type: "data",
        content: "a",
        record: `
          19fefd000100000000000202d6c8becd593100001a  # header
          0001000000000002  # explicit nonce
          20c2e41605ec22492e193081db8c9f65b823
        `,
      },
      {
        from: "server",
        type: "data",
        content: "a",
        record: `
          19fefd00010000000000029e535fb94311001a  # header
          0001000000000002  # explicit nonce
          015416befff937dfff985deda1aef5d4a5e8
        `,
      },
      {
        from: "client",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          19fefd000100000000000302d6c8becd5931000029  # header
          0001000000000003  # explicit nonce
          c31f3ba2d92320cfc1e5f0ecd222b1272428ade59040f24a50678e62fbec416a78
        `,
      },
      {
        from: "server",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          19fefd00010000000000039e535fb943110029  # header
          0001000000000003  # explicit nonce
          e6edcd38eb7de352bf86dbac6f5e2efb0001df102c34bd3af756db08778065a284
        `,
      },
      {
        from: "client",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          19fefd000100000000000402d6c8becd5931000047  # header
          0001000000000004  # explicit nonce
          4d63be2a81803d2bf6ba9700093bd5258454dcec77a330ca3ffed36893bdaf4438601593bb95697f
          6c58275d9cb30d8fda4e0e931db8eaf4fccf7a87b2740d
        `,
      },
      {
        from: "server",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          19fefd00010000000000049e535fb943110047  # header
          0001000000000004  # explicit nonce
          0c1d065d721b852e2a45a5eb847c066426cb35c4b2c723021112d5651d5a5128856f51c75a8edcdb
          2ef2d834d24bc3c802c189c6a4b3869ea79235cf11cbee
        `,
      },
    ],
  },
  {
    title: "PSK AES_128_CBC, MAC-then-encrypt, with empty Connection IDs",
    suite: 0x00ae,
    encryptThenMac: false,
    clientCid: "",
    serverCid: "",
    psk: "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    extendedMasterSecret: true,
    masterSecret: undefined,
    clientRandom: "6b046d2c5ce513fc17cc58cb20de071b108c7be5881be78f7149e773d1a7221d",
    serverRandom: "6b046d2ccb7f2614b6c2b0ce65e8eec3502461f64bb316a01b080b8a0adc0068",
    handshake: `
      010000570001000000000057fefd6b046d2c5ce513fc17cc58cb20de071b108c7be5881be78f7149  # ClientHello
      e773d1a7221d00200029625711c548a27083693b7b6487a0e92ba54e19098cd0ff586c8f009de4f8
      000400ae00ff01000009001700000036000100
      020000560001000000000056fefd6b046d2ccb7f2614b6c2b0ce65e8eec3502461f64bb316a01b08  # ServerHello
      0b8a0adc006820978e5c3a75873c66bc581c33c254c3abc84bc6f4acaad77bb49af6fda2a2270c00
      ae00000e00170000ff010001000036000100
      0e0000000002000000000000  # ServerHelloDone
      1000000a000200000000000a00087363616e6469756d  # ClientKeyExchange
    `,
    records: [
      {
        from: "client",
        type: "finished",
        record: `
          16fefd00010000000000000050  # header
          85aa3237de09b80c9d548fd92e9f6907  # IV
          a79818beadc15ffb01e6e3e88404bc23a606913f193d6ac16b838729cec4afdc53a87d45a38f13cb
          ec457c002f083cd924b4847ff401912576d6f791871713ee
        `,
      },
      {
        from: "server",
        type: "finished",
        record: `
          16fefd00010000000000000050  # header
          700ea5b4e4e01d21a173832fbc208817  # IV
          4b6e59264a0ca01b7929a3824e24c9f97bf907f6823913241459fe07df928a429d183aafc089cf2f
          6cb52ad49a51912809c62ad1a99c2fe76cf5d33a543e905f
        `,
      },
      {
        from: "client",
        type: "data",
        content: "CoAP",
        record: `
          17fefd00010000000000010040  # header
          1e53cd919238599198ed2c896f6fdc21  # IV
          3de080d5c2f9765ef66fa75a29ca866ed8f83d3bf9b40a573feca6840ec0aa793a47b9c361fc4722
          a1cbdd6572965c1f
        `,
      },
      {
        from: "server",
        type: "data",
        content: "CoAP",
        record: `
          17fefd00010000000000010040  # header
          859c76b47f22997e6c08cc69b6f7d22d  # IV
          dbfb401d0ab0780d624b1d422d3a1e8b796da96b6d195cd24e1d0f4ce5aa96849adbadedad4f369a
          944bba7753651bcc
        `,
      },
      {
        from: "client",
        type: "data",
        content: "a",
        record: `
          17fefd00010000000000020040  # header
          0658fadd4f93d27d9ef4087fb0262646  # IV
          c2b668b4d4ce0190014d850f2bfc11ebf3410d0997eb449a5f439715cc6accb2b1a44c82f8ba4a32
          a61f1d45dc72adc3
        `,
      },
      {
        from: "server",
        type: "data",
        content: "a",
        record: `
          17fefd00010000000000020040  # header
          8f5e592c2385eb2ef6f7cef87e40cb14  # IV
          a421a36c2e6e840a0ac08e9d76c73373c90133a346bbd70815f4e3a9825604e4de5fdf5aa768183d
          34d28a2471283cc1
        `,
      },
      {
        from: "client",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          17fefd00010000000000030050  # header
          6fd2925e99a0bc4030e62390b36ad025  # IV
          642f33df8bb45a07538a30935759e47f186cb9a78a2dab9ffa0dd1ae63daacf798277d8d925ebaaf
          ff831eda7d6ae0f0cfc694daffce41fb111ca70d6ef17f01
        `,
      },
      {
        from: "server",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          17fefd00010000000000030050  # header
          405db7c1df7ecef98b3baeb6c7793d32  # IV
          1fa772c18380267db735feb5b49eed971c8ede6dd97342d0f7752d0e9c8ef751a47229d8ee7e8a7c
          a6b6a2966d706bba563cad3231f9028998e1b67ff7aa04ab
        `,
      },
      {
        from: "client",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          17fefd00010000000000040060  # header
          0f3ce034093954cdd2722d5ae75a8f01  # IV
          169668da569064358e20d5e8229d8cfd80402338c6a5ff14a13d48514b7c750a4c0f0d3cc2236cfb
          689416e8511ba08597c7aabbca5ef66f6226d1f6bc9adf4520df9fd14daf917c4677a5f9e24794a0
        `,
      },
      {
        from: "server",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          17fefd00010000000000040060  # header
          1ce4b6c49783960ed92ca1747e7996c8  # IV
          8baac64a8002b388a0b908521039fe9e83f2e1873c5f8af5d699c4571f9a91fe9cb6daa2467e8b8d
          41f38a87f1ee7311a9074a71521ae7ccadfd3f252e197e8c17da9f9b07adefdd9db77b48c7c1dd92
        `,
      },
    ],
  },
  {
    title: "PSK AES_128_CBC, MAC-then-encrypt, with Connection IDs",
    suite: 0x00ae,
    encryptThenMac: false,
    clientCid: "14d852f34a",
    serverCid: "926dddf2c9795107",
    psk: "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    extendedMasterSecret: true,
    masterSecret: undefined,
    clientRandom: "6b046ca9d5e20a0f821bb3d2a293205d5e939bc1a22d933bb77bf80e222d2b2a",
    serverRandom: "6b046ca952981ad4690ef25cb756957b6882cd3c4a81d6a1aea784750fa82412",
    handshake: `
      0100005c000100000000005cfefd6b046ca9d5e20a0f821bb3d2a293205d5e939bc1a22d933bb77b  # ClientHello
      f80e222d2b2a00201fe61a349253758d271e062ab921721dbc5cc09fdd94f894110893e9923f06f4
      000400ae00ff0100000e00170000003600060514d852f34a
      0200005e000100000000005efefd6b046ca952981ad4690ef25cb756957b6882cd3c4a81d6a1aea7  # ServerHello
      84750fa8241220fc49b5f6e3e4ed5fc2055f8adcb01f4f80c39fcbb044c05144d0e6b6a4a0468100
      ae00001600170000ff010001000036000908926dddf2c9795107
      0e0000000002000000000000  # ServerHelloDone
      1000000a000200000000000a00087363616e6469756d  # ClientKeyExchange
    `,
    records: [
      {
        from: "client",
        type: "finished",
        record: `
          19fefd0001000000000000926dddf2c97951070050  # header
          b7e6ceba8b164f1aac15777eefb7fa29  # IV
          0638adee7fe0d80b1f7e2fae98214902a8c50da2860bc3d928b340f43c3d032edb6f36810644d7b7
          ef973f1a558445eaf8873569247918f16e98d0dfc319e9ca
        `,
      },
      {
        from: "server",
        type: "finished",
        record: `
          19fefd000100000000000014d852f34a0050  # header
          49308b9cfcc0f2eed46a411d662cb56b  # IV
          749d4ba7d1471c1287c90bc40949e0f927db2b46bcd9fcd22d25a7c1ecc7c7571e08e39e533bef57
          e9a7e2c2ef886a11303c22daed2453aaebee6b47f924669f
        `,
      },
      {
        from: "client",
        type: "data",
        content: "CoAP",
        record: `
          19fefd0001000000000001926dddf2c97951070040  # header
          afd13bfdf9e36ec9456bf407862ed3c6  # IV
          a220ef557858a0aa628826752bc5b5853fd5bc2c92b44668c185b55bbeae24470b74d8ff77037930
          1de065c7d506afd1
        `,
      },
      {
        from: "server",
        type: "data",
        content: "CoAP",
        record: `
          19fefd000100000000000114d852f34a0040  # header
          1243c9845a37dadc8bdb2e5b25f1591c  # IV
          7c1f47405f37bdc7820084b607c588c88c6e2aead7da33b855832d57d4eaa7bfe983e89824a25481
          aff75bba05d3e10a
        `,
      },
      {
        from: "client",
        type: "data",
        content: "a",
        record: `
          19fefd0001000000000002926dddf2c97951070040  # header
          304991fc77d324e2291bf1ab1bcd8e0b  # IV
          7e78f16aeee00eaf5fb68224e21d7481789c02d3a7ebf84a03e084b77b4d45cc7a683cd4113bbc15
          d771b8bf8fdca6e3
        `,
      },
      {
        from: "server",
        type: "data",
        content: "a",
        record: `
          19fefd000100000000000214d852f34a0040  # header
          66142263b4142b5bdf78a9002c9f458f  # IV
          d3d7cb2da9a5e98c18ae499bb2ba2854c4f11301e90d42b30987e41f5527187658b388a7ac7141a9
          3ed088f59e5731fa
        `,
      },
      {
        from: "client",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          19fefd0001000000000003926dddf2c97951070050  # header
          b266cf2e8a84034cf3ef3ea2f38348f6  # IV
          d2b10a9f7b3baa8847c01a194cd677d7bae9601cfbebe91746525117b091378afe8dfb5853813cc7
          e5505610c5e676c1288488168483646622c798dd6642cc9b
        `,
      },
      {
        from: "server",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          19fefd000100000000000314d852f34a0050  # header
          69f6598c71bbfc3f8db1c0b8c31b7864  # IV
          ec5deaffc68bba7230ecaa61dbecc8bc43ee7f63a18547870e8ea08ba2e40464d12950ead42ffd2a
          a8fac0cac3f19dcccc46d69976f3bd0e0da969dc3c5b89f8
        `,
      },
      {
        from: "client",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          19fefd0001000000000004926dddf2c97951070060  # header
          c1d94f15ad15d22d03194a442a82a2ac  # IV
          12950e36e9fc92e1a6308b9300eca55fc358952dbeedb106ceea075b99d6a6d7103064e266e47dde
          137a1eda4c5d94d53603bd961c714fdac4c6313e4122ed550efd7eea841564bdb57ca8f23789c837
        `,
      },
      {
        from: "server",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          19fefd000100000000000414d852f34a0060  # header
          46860d74cde61d5a4166e824649dbdef  # IV
          38801026df5f7eb3cfea1becdd997b909d7805a389dbd38582f18f53abff11cd7cc7a12da44d9ec3
          a4702021bb398f38718cd62f60ef2feb8330a1a51aa31014499039c396ea71d2338d1b9faa9151fb
        `,
      },
    ],
  },
];
