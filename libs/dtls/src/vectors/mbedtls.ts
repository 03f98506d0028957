import type { RecordedAssociation } from "./recorded-association.ts";

/**
 * Made by Mbed TLS 3.6.5 (its source is in the crate mbedtls-rs-sys 0.3.1, default configuration: Connection IDs of RFC 9146, and zeros behind the
 * content up to a multiple of 16): a client and a server context in one process, their `mbedtls_ssl_set_bio` callbacks wrote down every
 * datagram, and `mbedtls_ssl_set_export_keys_cb` the master secret.
 */
export const MBED_TLS: readonly RecordedAssociation[] = [
  {
    title: "PSK AES_128_CCM_8",
    suite: 0xc0a8,
    encryptThenMac: false,
    clientCid: "",
    serverCid: "",
    psk: "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    extendedMasterSecret: true,
    masterSecret: "4162d924f4c15058302f877dc2cba75aa9833dea6d7e36cf730f5ac9144ddd87e7385ce6598bca4adc7647d55e85e4d3",
    clientRandom: "6b046ca9b8685cf3d211eddeab3619e59e6ae172eb6abf5293cd501476a8c3d8",
    serverRandom: "6b046ca98bfccfb6e1317cbee6244174419d9b2aeb6eea7086431b91487c6ff3",
    handshake: `
      0100004c000000000000004cfefd6b046ca9b8685cf3d211eddeab3619e59e6ae172eb6abf5293cd  # ClientHello
      501476a8c3d800000004c0a800ff0100001e000d000e000c06030601050305010403040100160000
      0017000000230000
      020000510000000000000051fefd6b046ca98bfccfb6e1317cbee6244174419d9b2aeb6eea708643  # ServerHello
      1b91487c6ff32089ecb876775595e11cce29eab4ca9025b3cdd7a8c83b7e6319a92f0c1cb192c4c0
      a8000009ff0100010000170000
      0e0000000001000000000000  # ServerHelloDone
      10000006000100000000000600046d626564  # ClientKeyExchange
    `,
    records: [
      {
        from: "client",
        type: "finished",
        record: `
          16fefd00010000000000000028  # header
          0001000000000000  # explicit nonce
          e2e6c8448b5e55b6ee56c41bca40015b884af7e1df4bc2b4eb1292b02ff16874
        `,
      },
      {
        from: "server",
        type: "finished",
        record: `
          16fefd00010000000000000028  # header
          0001000000000000  # explicit nonce
          8492bb2bf0c410707ecc6f641b550c04f44a917daf26f657c113a66ed547e1f3
        `,
      },
      {
        from: "client",
        type: "data",
        content: "CoAP",
        record: `
          17fefd00010000000000010014  # header
          0001000000000001  # explicit nonce
          e521c079078c40654862887b
        `,
      },
      {
        from: "server",
        type: "data",
        content: "CoAP",
        record: `
          17fefd00010000000000010014  # header
          0001000000000001  # explicit nonce
          9de778510af9ccdff2fa6fa4
        `,
      },
      {
        from: "client",
        type: "data",
        content: "a",
        record: `
          17fefd00010000000000020011  # header
          0001000000000002  # explicit nonce
          1f89fbabe9844d1dd8
        `,
      },
      {
        from: "server",
        type: "data",
        content: "a",
        record: `
          17fefd00010000000000020011  # header
          0001000000000002  # explicit nonce
          3f2786e9a0d3501ac1
        `,
      },
      {
        from: "client",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          17fefd00010000000000030020  # header
          0001000000000003  # explicit nonce
          128bf5b29becd27091f7d6b06155093abfc0d048dd48f71e
        `,
      },
      {
        from: "server",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          17fefd00010000000000030020  # header
          0001000000000003  # explicit nonce
          9a3d1b34719b3d953b0afdea6dfe800ab1b9af703c49767b
        `,
      },
      {
        from: "client",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          17fefd0001000000000004003e  # header
          0001000000000004  # explicit nonce
          d62f9e43c49c1d7583b543318000bdf9e010cb3080bc8f23a9a802e17a633c790ad5eea89498ce95
          29c718af75ecf791ed01f00f5008
        `,
      },
      {
        from: "server",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          17fefd0001000000000004003e  # header
          0001000000000004  # explicit nonce
          0a06d85edead39ed2c126cda689df0d08c37869e3401618c12b79ee3cf0d3266af5c44b4deabeaa5
          2e2da74a8f8172117181dbdba485
        `,
      },
      {
        from: "client",
        type: "closeNotify",
        record: `
          15fefd00010000000000050012  # header
          0001000000000005  # explicit nonce
          36a901b59bde65e9e98b
        `,
      },
    ],
  },
  {
    title: "PSK AES_128_CCM_8, without extended master secret",
    suite: 0xc0a8,
    encryptThenMac: false,
    clientCid: "",
    serverCid: "",
    psk: "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    extendedMasterSecret: false,
    masterSecret: "842d3f7d46881256292adb5cdf137f0465317e420124f01bc02c2858be19ca678fe9536c9c426d459011c534caabeb76",
    clientRandom: "6b046ca94e1e80d12c74b31d45611332008e5c7c3be7105178c8b48e9a51a5f2",
    serverRandom: "6b046ca9c9ed57703724f5bc4fa46c2618032f05fafed0ae630f408d0d29d0b2",
    handshake: `
      010000480000000000000048fefd6b046ca94e1e80d12c74b31d45611332008e5c7c3be7105178c8  # ClientHello
      b48e9a51a5f200000004c0a800ff0100001a000d000e000c06030601050305010403040100160000
      00230000
      0200004d000000000000004dfefd6b046ca9c9ed57703724f5bc4fa46c2618032f05fafed0ae630f  # ServerHello
      408d0d29d0b2205fc686d00a26be744c8a79b3b91698f030fd6327be2aa0cadb84a14f5edf8892c0
      a8000005ff01000100
      0e0000000001000000000000  # ServerHelloDone
      10000006000100000000000600046d626564  # ClientKeyExchange
    `,
    records: [
      {
        from: "client",
        type: "finished",
        record: `
          16fefd00010000000000000028  # header
          0001000000000000  # explicit nonce
          71b9efd3792d95cf8da752b11402eb8692336f20308a2b95efed75f90df09502
        `,
      },
      {
        from: "server",
        type: "finished",
        record: `
          16fefd00010000000000000028  # header
          0001000000000000  # explicit nonce
          2c646ba549f4b872418c90284aec442db6e898a6fe6d97d16e26cef99573f77d
        `,
      },
      {
        from: "client",
        type: "data",
        content: "CoAP",
        record: `
          17fefd00010000000000010014  # header
          0001000000000001  # explicit nonce
          4cc9e777a4e8bd7ce06250ee
        `,
      },
      {
        from: "server",
        type: "data",
        content: "CoAP",
        record: `
          17fefd00010000000000010014  # header
          0001000000000001  # explicit nonce
          697eaf3aff7d91ff5e53a429
        `,
      },
      {
        from: "client",
        type: "data",
        content: "a",
        record: `
          17fefd00010000000000020011  # header
          0001000000000002  # explicit nonce
          4c2848c84f3378466a
        `,
      },
      {
        from: "server",
        type: "data",
        content: "a",
        record: `
          17fefd00010000000000020011  # header
          0001000000000002  # explicit nonce
          c0456d843f34b007ee
        `,
      },
      {
        from: "client",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          17fefd00010000000000030020  # header
          0001000000000003  # explicit nonce
          06400fc984815507cd45d395f589d565c58e689c1508aabe
        `,
      },
      {
        from: "server",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          17fefd00010000000000030020  # header
          0001000000000003  # explicit nonce
          1acf59101f89a5ebb6ed1c27647fa70603a13c1bac092dde
        `,
      },
      {
        from: "client",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          17fefd0001000000000004003e  # header
          0001000000000004  # explicit nonce
          a764c45d23c07bccad5df2c752fa4805fee08ea6fa417cc652fbd9057a3a33c55feb2c16117fd215
          c49e259696c36d2f2e115d669d1b
        `,
      },
      {
        from: "server",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          17fefd0001000000000004003e  # header
          0001000000000004  # explicit nonce
          9e76eac16d34976d0fc9fe268e0fbbe5dc9b96b86ae364d53bcdf701ff04fbafc21dbbfd92570d31
          d706fd1f11af1afa8f20eb008f1a
        `,
      },
      {
        from: "client",
        type: "closeNotify",
        record: `
          15fefd00010000000000050012  # header
          0001000000000005  # explicit nonce
          d2af2d72c9aedb4db2a5
        `,
      },
    ],
  },
  {
    title: "PSK AES_128_CCM_8, with Connection IDs",
    suite: 0xc0a8,
    encryptThenMac: false,
    clientCid: "0a0b0c",
    serverCid: "1122334455667788",
    psk: "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    extendedMasterSecret: true,
    masterSecret: "3d2d585098a2b31447dd6e6ab171f3b7776cfe2217ffdb5861c671b0d4d03926bb0b52bd6e140c4911927f7ee21b5f23",
    clientRandom: "6b046ca92a2780c9ea4408c52cdaa407ab25fa4cad2bb5a651cc43349fcf1969",
    serverRandom: "6b046ca96655f5c091e66a99e1a21c44bf4a524df9ac0e7ad58fb80d59790014",
    handshake: `
      010000540000000000000054fefd6b046ca92a2780c9ea4408c52cdaa407ab25fa4cad2bb5a651cc  # ClientHello
      43349fcf196900000004c0a800ff01000026000d000e000c06030601050305010403040100360004
      030a0b0c001600000017000000230000
      0200005e000000000000005efefd6b046ca96655f5c091e66a99e1a21c44bf4a524df9ac0e7ad58f  # ServerHello
      b80d597900142098059c52be7383020905f38508a5f3ba468b4de85b7962130556793a9b17a1e5c0
      a8000016ff010001000036000908112233445566778800170000
      0e0000000001000000000000  # ServerHelloDone
      10000006000100000000000600046d626564  # ClientKeyExchange
    `,
    records: [
      {
        from: "client",
        type: "finished",
        record: `
          19fefd000100000000000011223344556677880030  # header
          0001000000000000  # explicit nonce
          b181b5f9960bfaf214e0ea70f6e2fd8a3bde36c9aca8f801dcf89c553a54e08beeb5837d37294e14
        `,
      },
      {
        from: "server",
        type: "finished",
        record: `
          19fefd00010000000000000a0b0c0030  # header
          0001000000000000  # explicit nonce
          8eec54b236f027b6a16d6f4544bcefda74ce72aad1aa78da813eb99538e3df63778237ec1a897db0
        `,
      },
      {
        from: "client",
        type: "data",
        content: "CoAP",
        record: `
          19fefd000100000000000111223344556677880020  # header
          0001000000000001  # explicit nonce
          9048d258dfbf702fb90ee21aede8d7d50e06146159648067
        `,
      },
      {
        from: "server",
        type: "data",
        content: "CoAP",
        record: `
          19fefd00010000000000010a0b0c0020  # header
          0001000000000001  # explicit nonce
          6586062d37a0067aa34b4e9773b486036b0e9dc467837c03
        `,
      },
      {
        from: "client",
        type: "data",
        content: "a",
        record: `
          19fefd000100000000000211223344556677880020  # header
          0001000000000002  # explicit nonce
          f83452e8fca29fe50513b0c9df8acac2d5721eaddb2ff90b
        `,
      },
      {
        from: "server",
        type: "data",
        content: "a",
        record: `
          19fefd00010000000000020a0b0c0020  # header
          0001000000000002  # explicit nonce
          8bea4b660b5b3918be864317d1561074515fbd66bc1c9855
        `,
      },
      {
        from: "client",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          19fefd000100000000000311223344556677880030  # header
          0001000000000003  # explicit nonce
          ae29fcbaf89162b909572e12db0a6619b011ac78c2568a1603c8b0d55b9b9bc71ab3fede2dcb2a00
        `,
      },
      {
        from: "server",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          19fefd00010000000000030a0b0c0030  # header
          0001000000000003  # explicit nonce
          708cd5e88b62c6f953d40bdf8a9de75815a82d000b69516265de2ce78e543584f8ba31a4b127fff0
        `,
      },
      {
        from: "client",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          19fefd000100000000000411223344556677880040  # header
          0001000000000004  # explicit nonce
          e9153b4d3b166073aaf4c98c5ed71b41e6fc0c0b7c75a23f63fd3592ff6eca5d14b6a64f9c850afe
          ce36ae64a2ec4a08bcf8df68935816a2
        `,
      },
      {
        from: "server",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          19fefd00010000000000040a0b0c0040  # header
          0001000000000004  # explicit nonce
          73641fc37d73f4375684b89c08dea8351a59c27f64c24cb3e5bd55117737b8dda23aa4e225fc885e
          7cae7cff0643e4922b272c66d2be35eb
        `,
      },
      {
        from: "client",
        type: "closeNotify",
        record: `
          19fefd000100000000000511223344556677880020  # header
          0001000000000005  # explicit nonce
          2871bee1480f6895b858e029a056f0187430a5c6a6ecbd2e
        `,
      },
    ],
  },
  {
    title: "PSK AES_128_GCM, with Connection IDs",
    suite: 0x00a8,
    encryptThenMac: false,
    clientCid: "aabbccdd",
    serverCid: "1122334455667788",
    psk: "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    extendedMasterSecret: true,
    masterSecret: "d77e5aed05f178acab4041f6dc254c4a01caa1e267054a5f2196948413bc5922a0167217e3c0f9888a408599a13dc320",
    clientRandom: "6b046ca9e1c13df9ebc9ea01b92a4ae7641009c098bc4eea5e7d1996e0f841d3",
    serverRandom: "6b046ca9013976f2590a0b4450d0ce11e72f701b4e6492df29c3df7aab4d2366",
    handshake: `
      010000550000000000000055fefd6b046ca9e1c13df9ebc9ea01b92a4ae7641009c098bc4eea5e7d  # ClientHello
      1996e0f841d30000000400a800ff01000027000d000e000c06030601050305010403040100360005
      04aabbccdd001600000017000000230000
      0200005e000000000000005efefd6b046ca9013976f2590a0b4450d0ce11e72f701b4e6492df29c3  # ServerHello
      df7aab4d236620ddbc8a2d5cba6f6c8c39dd6a3f8646610c38febee282c363c65b1e2bd10524a400
      a8000016ff010001000036000908112233445566778800170000
      0e0000000001000000000000  # ServerHelloDone
      10000006000100000000000600046d626564  # ClientKeyExchange
    `,
    records: [
      {
        from: "client",
        type: "finished",
        record: `
          19fefd000100000000000011223344556677880038  # header
          0001000000000000  # explicit nonce
          158d4c10dc93df6b8fbab0380618e8613892c1e81c5e545cc26c8761d207030d6e9a269f2a53a334
          00c364a7ea379ccc
        `,
      },
      {
        from: "server",
        type: "finished",
        record: `
          19fefd0001000000000000aabbccdd0038  # header
          0001000000000000  # explicit nonce
          825efd6ed4b6c8f8b82fd84d6ace838be28715ab60929f3e75e09361d8fea282d0f3a613212120ba
          a73ef6bbec146a78
        `,
      },
      {
        from: "client",
        type: "data",
        content: "CoAP",
        record: `
          19fefd000100000000000111223344556677880028  # header
          0001000000000001  # explicit nonce
          2fff4ed9397486d9dc6bdaa74776de4e4f8563d3e7c9c29180b64b73c6bfb63f
        `,
      },
      {
        from: "server",
        type: "data",
        content: "CoAP",
        record: `
          19fefd0001000000000001aabbccdd0028  # header
          0001000000000001  # explicit nonce
          9a6dd168cb1aea3391a10fa4aef4cb44d9a8dd10ce758881633d0527d8e3e3de
        `,
      },
      {
        from: "client",
        type: "data",
        content: "a",
        record: `
          19fefd000100000000000211223344556677880028  # header
          0001000000000002  # explicit nonce
          d2620d3af816648461d9b9a3426e532760baba6d0f285cee01e4724f75b38949
        `,
      },
      {
        from: "server",
        type: "data",
        content: "a",
        record: `
          19fefd0001000000000002aabbccdd0028  # header
          0001000000000002  # explicit nonce
          fe27173b5a87cabdc40da8ab3a60885d23530a1a4d4c416b68ef66c7f1814989
        `,
      },
      {
        from: "client",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          19fefd000100000000000311223344556677880038  # header
          0001000000000003  # explicit nonce
          e7f4ab8df26cbb43d677350f152e39ca45a1ef50649ca4578c671a54a04f942af68b683955d38ade
          296713b7689583e8
        `,
      },
      {
        from: "server",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          19fefd0001000000000003aabbccdd0038  # header
          0001000000000003  # explicit nonce
          339fbb2b0dd60e35b05c9867e099d58d061546f904226cfa282864e59cbac7820bed2de37bd9b7ce
          d59864159ef4873e
        `,
      },
      {
        from: "client",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          19fefd000100000000000411223344556677880048  # header
          0001000000000004  # explicit nonce
          d3845e87580f70ed56073d68467187e9b63b3437e4a4e6319b4c930fe441cd529fe1d940f4b2766c
          804366de6571b160713b4aa96a656ee7d881568dce39d8be
        `,
      },
      {
        from: "server",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          19fefd0001000000000004aabbccdd0048  # header
          0001000000000004  # explicit nonce
          e7fc12d51d9e0183d6513e8e36960d95a7fba70b84a04e23e74d478f21a7842dd5b713b02d24a1e1
          525bd73244cb13de45d347106e7522392aaba2a10bc75dd8
        `,
      },
      {
        from: "client",
        type: "closeNotify",
        record: `
          19fefd000100000000000511223344556677880028  # header
          0001000000000005  # explicit nonce
          85056a36d42a04b35b185cbf2071519931477b141a1ffa46c5da5abfdcfbf80f
        `,
      },
    ],
  },
  {
    title: "PSK AES_128_CBC, MAC-then-encrypt",
    suite: 0x00ae,
    encryptThenMac: false,
    clientCid: "",
    serverCid: "",
    psk: "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    extendedMasterSecret: true,
    masterSecret: "039f926ded95def57c756250008911dc27a4e10676a9cb3abb81b53ee2cc7ba1c9bc38860ac6c8ebed3c4265e041702c",
    clientRandom: "6b046caa324b8c335fe362aa77c2e66860108fbb2351cc41d8fe3bc7f851bb43",
    serverRandom: "6b046caac20bd19357d6087f7a7d69ad7f7c0bfa692db225aef51c4ba746d6f5",
    handshake: `
      010000480000000000000048fefd6b046caa324b8c335fe362aa77c2e66860108fbb2351cc41d8fe  # ClientHello
      3bc7f851bb430000000400ae00ff0100001a000d000e000c06030601050305010403040100170000
      00230000
      020000510000000000000051fefd6b046caac20bd19357d6087f7a7d69ad7f7c0bfa692db225aef5  # ServerHello
      1c4ba746d6f52058c9ca8b651860c3ed5d894f85e9ea7490fa9daecf7c1d644bbd9b72d8efdfa400
      ae000009ff0100010000170000
      0e0000000001000000000000  # ServerHelloDone
      10000006000100000000000600046d626564  # ClientKeyExchange
    `,
    records: [
      {
        from: "client",
        type: "finished",
        record: `
          16fefd00010000000000000050  # header
          7493be1f5584dab91f466c38b88b9c68  # IV
          4ef4f8cacb9b7799f8868a7c12c3e137a7c7365683fc31bfa5458373533988afc52318a00aeebca9
          82e2c6e0268875c2cfe767572df1388dd617968abe5bce14
        `,
      },
      {
        from: "server",
        type: "finished",
        record: `
          16fefd00010000000000000050  # header
          6aad78c85a8aac286e8ecccda9b202ff  # IV
          05f31054dd4ce3402e86533013255d47a2364dd4e0bb2f7f24e83e06504fdb3cb736935aa097a1bf
          a1942503d742c9cbda613ba2c32b276a4a5925e4c7c3a299
        `,
      },
      {
        from: "client",
        type: "data",
        content: "CoAP",
        record: `
          17fefd00010000000000010040  # header
          90a618a2b3ec7376eda01f42df5cfc79  # IV
          63574bcbc921408c7236b69a1cb93098387821c4118de8fdad7ff225db4ad68912d4f082c8af399e
          aef8e57090344c51
        `,
      },
      {
        from: "server",
        type: "data",
        content: "CoAP",
        record: `
          17fefd00010000000000010040  # header
          c801e10d675ec114669bd4c80d0dbfb1  # IV
          40b5ed6d530198c60ea2f03c697f558430bcf3634e2c3cce3c8810ae352f81e70f854d1fe87d06d8
          e4be3a3daeeaf80e
        `,
      },
      {
        from: "client",
        type: "data",
        content: "a",
        record: `
          17fefd00010000000000020040  # header
          b600bf348ea1d559d99e1dd99f7d5620  # IV
          b1dee21ff1ac8c6091aaa022b64e609240bc3eaf092e33b07131ddbd711332f288b6059c0ed9fae9
          8b67d6400b8db77c
        `,
      },
      {
        from: "server",
        type: "data",
        content: "a",
        record: `
          17fefd00010000000000020040  # header
          47e2087c98ed8ae3a5cd9ecde1963b30  # IV
          e581161107a4d73bd52392527257a3d02a59d0f8f717b32990e67927152746a0e42edc7d2fcc7722
          07fbbf7e1bcf90ef
        `,
      },
      {
        from: "client",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          17fefd00010000000000030050  # header
          e548809b7f10f5e6eb826a9688fa6a81  # IV
          c17cf766e6f53017ec34b80c040bfd1cecaafc98374648824214be00a5d0dface2c86945b7b02c83
          a1c6a830556edaddc5595cce2b8c98cfd2dbf25ced6f8cc6
        `,
      },
      {
        from: "server",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          17fefd00010000000000030050  # header
          39b93f8baefc504115150273a4766050  # IV
          af8ccfa85a261549d56e225d5906dc937af96aa1c50441f7edb296eef35067579da6fd5bb34de5cd
          0b1d73efb612b54c562f24e4f7da47230f076916b8013ec7
        `,
      },
      {
        from: "client",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          17fefd00010000000000040060  # header
          ba3910efd6777ee195d0f1aa1fb38590  # IV
          602077f5c6a6f1e2955ef90b485775a659f2409669d2bfb9f8e9c22eaea0a35d768e405ab39e10c6
          2d2130180405c85ab86a8858c84701fb237e914000f1af766777607bee2f818b69d722bd2553a509
        `,
      },
      {
        from: "server",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          17fefd00010000000000040060  # header
          62e68fc90c21f2e0fdd05291f27dba61  # IV
          c96d829df843e455f33420b1cb4999bbab80ede9866ff1ff25185c12e065fe32d529a7dcbe4c1356
          2d1bb2ce4fa842e9c00fd1a1185b5e120c619426ffe77309261ce39044c3d9939c5e2a81072d20ed
        `,
      },
      {
        from: "client",
        type: "closeNotify",
        record: `
          15fefd00010000000000050040  # header
          22d02b3c0b1a97b232ef404ad206cd8b  # IV
          0de80cafa85b0bec9d64c74952bfa016ab756caadef24a52234122d9b63174882605eac36471f544
          34af493c5676cb8a
        `,
      },
    ],
  },
  {
    title: "PSK AES_128_CBC, MAC-then-encrypt, with Connection IDs",
    suite: 0x00ae,
    encryptThenMac: false,
    clientCid: "aabb",
    serverCid: "1122334455667788",
    psk: "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    extendedMasterSecret: true,
    masterSecret: "2980079fe8ac324a925b12fed7de2e2dc81163e50f690ad34e78f2b27ef12113728cdbc3d76fa8cdec504198d9400ca8",
    clientRandom: "6b046caacc42556c1b56cae58e958d1331cb803979358fba902e1544f6e83630",
    serverRandom: "6b046caab6c99b9792cab823efee3802790cf0a544c2c058e53c53ab669d1e85",
    handshake: `
      0100004f000000000000004ffefd6b046caacc42556c1b56cae58e958d1331cb803979358fba902e  # ClientHello
      1544f6e836300000000400ae00ff01000021000d000e000c06030601050305010403040100360003
      02aabb0017000000230000
      0200005e000000000000005efefd6b046caab6c99b9792cab823efee3802790cf0a544c2c058e53c  # ServerHello
      53ab669d1e85202d5ff87bee67f687c4d4a8c74a1f9d0394159c1223804f915543a4c9419086b200
      ae000016ff010001000036000908112233445566778800170000
      0e0000000001000000000000  # ServerHelloDone
      10000006000100000000000600046d626564  # ClientKeyExchange
    `,
    records: [
      {
        from: "client",
        type: "finished",
        record: `
          19fefd000100000000000011223344556677880060  # header
          34972cabbb127c3c227ccf66bea78b36  # IV
          1d4693c63aa88c57ad63c6df1dfb39014a70a6c67793a19130f1632b55f36154cc4b50ee8d01bae5
          260a4f01f70785a0eff934e4dfef509d0af844a7fe19b4ca1890701e73d6d8ac9fcd286bc008750f
        `,
      },
      {
        from: "server",
        type: "finished",
        record: `
          19fefd0001000000000000aabb0060  # header
          8ef48d1435adcec290619026ed2185a6  # IV
          5ad559a3ceea860486be3775ec0d7abdc3f141aa1d247df1c09a0030e9fae961748cf208d4589d25
          f1d75fef8a712c5d1347e0d8ffef4db0f670ff0b7a2dca48f4e75dc117e4dcc524cb1bc0cb2aa5e9
        `,
      },
      {
        from: "client",
        type: "data",
        content: "CoAP",
        record: `
          19fefd000100000000000111223344556677880050  # header
          fac2fd9bb4224460fa97bd1c29c9bf23  # IV
          d8dd1cdc359536213fb42aee1be4d17b105ee985f9564316906f3e94738a4896972ee77039a3e234
          e61c2aad4c8ed93433c9ef4cf903ea5b7ae98d08fee8de51
        `,
      },
      {
        from: "server",
        type: "data",
        content: "CoAP",
        record: `
          19fefd0001000000000001aabb0050  # header
          c1d4a9b504fb94e83234fc667227fc04  # IV
          bf3a75ac96ac127571843060d9555c017f19a10d2fd38cee3d5971e360df2ed467beea90fcf3f606
          c3087a61ac67e07cbd974c2359e131ad92ae77be4e428fea
        `,
      },
      {
        from: "client",
        type: "data",
        content: "a",
        record: `
          19fefd000100000000000211223344556677880050  # header
          26a7fbc655ca149c4e51646ebc48208c  # IV
          65c415f50dc9c1e3a848a8ddbeae2f765abcdb0d3830fbda84ebd6789a559af496e2ab21cdcd630e
          e9fd0de8e4e983a10bec1630a0233c57fd22b0058a57a5f0
        `,
      },
      {
        from: "server",
        type: "data",
        content: "a",
        record: `
          19fefd0001000000000002aabb0050  # header
          bcaf3b666c4251155e60add1009e348a  # IV
          5e8043c8874b7844507002ff7eae4930fec6aa12b558c20d6b4a03d303a1042696f97bfc001f990d
          aac35b9083235597379b217a521e685afac8489fd0698eeb
        `,
      },
      {
        from: "client",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          19fefd000100000000000311223344556677880060  # header
          40e7ecbbd66de6dd762cc0df2d6529a2  # IV
          c1146fa9b958711ea2367b4b9574f30734eb0ef7cafc068697199f385a5a3cf02bf99169ec52eb7c
          755c48e83380bd8110377452ba1d2c8a0b2aa3eb15f02c9683b7a5c6c36375faf98ffcc3cd6ff22c
        `,
      },
      {
        from: "server",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          19fefd0001000000000003aabb0060  # header
          3ea5e4f7f037da78cc0e623b67fe65d5  # IV
          d9d266db477840f7f8e2e185aa0b8330834f1e5b2c8912ed01e6b3caa64248f0d676571542c8d0de
          d0a89b4d65f3827f824546d9521d7f9d0fb84c6d2e50416cbb36920f1c832f09ce0657bd5665bf38
        `,
      },
      {
        from: "client",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          19fefd000100000000000411223344556677880070  # header
          901ebdcc5b61ceb9d2bc5b090b92e833  # IV
          ca08f6fbf7d160e5eaf94aad4e527cf45d958c2023066723a92f25096c928545d162b1fd12e8e1d1
          312f9c5b47be67aa6f19942d0984beac4310223fa5bc51b1f8433c60e21fac6662dcc8381090d05f
          54129119d70b27c4e808b91f5174803a
        `,
      },
      {
        from: "server",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          19fefd0001000000000004aabb0070  # header
          fef06efd2998f907a23b63cb32a832c3  # IV
          9b64366eb7fe7e3d1fb7c2185ef29f5f77ad2c66a38b79239d63285941439bd26022111fe2e5d5b2
          a933e3c4900f920de171f003a143c8d5d2ea8b8df1f8e93e7f172e6397309f108fd8cab27e4405f2
          30e2cc798d8a7bcb3e59fd9ca1b49d30
        `,
      },
      {
        from: "client",
        type: "closeNotify",
        record: `
          19fefd000100000000000511223344556677880050  # header
          208f2a4d82ee3dec8a1db7d3cd9f929e  # IV
          da6b98728dd646282f8b92e44110d0c5401e9f0ba98b796307166c5e9f17cd483c5f77b13174cc65
          2cd648c1d57a61305964e9f456569dd26b838e7be606b99f
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
    masterSecret: "f589ef5d29919d817018a672a8d730f889280bcb3e8bfeb5000fdcfb373165e8a6af76b7b760f0f9848285bb3d78474b",
    clientRandom: "6b046caad1495a144392c678aa238e45d88fabde1f65b956f6799978c317297e",
    serverRandom: "6b046caaa67fb67f0838e727be2dabdb1697305645af800e02ac78bffee1d8b5",
    handshake: `
      0100004c000000000000004cfefd6b046caad1495a144392c678aa238e45d88fabde1f65b956f679  # ClientHello
      9978c317297e0000000400ae00ff0100001e000d000e000c06030601050305010403040100160000
      0017000000230000
      020000550000000000000055fefd6b046caaa67fb67f0838e727be2dabdb1697305645af800e02ac  # ServerHello
      78bffee1d8b52047ce51a140c80965f77ad3ea12e28787641decd1d212bda1060ceefc2ebc622600
      ae00000dff010001000016000000170000
      0e0000000001000000000000  # ServerHelloDone
      10000006000100000000000600046d626564  # ClientKeyExchange
    `,
    records: [
      {
        from: "client",
        type: "finished",
        record: `
          16fefd00010000000000000050  # header
          4a3409048419167620726ee90a0ad7f3  # IV
          c58b7c64666713b67839977e701ab5331490de45b48d06d385255558c391fb837f859a107ad3c517
          f6fea2042abf80cec46e2b70c9368940b74de801fa0cafef
        `,
      },
      {
        from: "server",
        type: "finished",
        record: `
          16fefd00010000000000000050  # header
          005c3426826c6ef826e2da936cb56529  # IV
          e73558c390491b01a82ebee1e66518f8ddd7bb5dfa0cd733f7a756edabe7fde8cc02eda77761f9d5
          e9a8975e7ec831fd2fcc3112600b37b062b15a959719e202
        `,
      },
      {
        from: "client",
        type: "data",
        content: "CoAP",
        record: `
          17fefd00010000000000010040  # header
          566cbe6ba819da03b0fe57fbd45e8046  # IV
          c3b72b3dd5f95e03ae25484172ca8f23157d140a599e3e3e203ef53fd152f895c549281938db52ae
          71ad3d9340ac1344
        `,
      },
      {
        from: "server",
        type: "data",
        content: "CoAP",
        record: `
          17fefd00010000000000010040  # header
          56175ddbc954a8d61e0ec3d1ab8c33f9  # IV
          9fc3fc09d54af055142f75c25e5fef08fa080109f3fa54fa230908e63213c668bc239748472c4497
          1281951a962d8d31
        `,
      },
      {
        from: "client",
        type: "data",
        content: "a",
        record: `
          17fefd00010000000000020040  # header
          12ad0c9cb19f6ca5eeb79a40d15e618a  # IV
          615e1c72700ad0e9ee49187b69a42556bc9ec23c66c211eb5ef0cd1012f53913b4ffa2628a42c91c
          8ada8a15bd3e5f81
        `,
      },
      {
        from: "server",
        type: "data",
        content: "a",
        record: `
          17fefd00010000000000020040  # header
          fadad651c33e0819d150b7b6cd401100  # IV
          cffd1d8164dd1f37cdc96c9cbfb89ba38b5bab0f4aeeba1f5d34e3e7468ecf4735acadafdbedf0ac
          6032d74f654ab864
        `,
      },
      {
        from: "client",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          17fefd00010000000000030050  # header
          66c3aa2be415bf5d7f2d5b0f7468ed87  # IV
          92f4067f691b19f4255e8b0d1719802d1a7bd5f33d6eb8c4da8084a750b417bfa35f55ba7c37c193
          c329eb3c7f07784899e02fde4b1cc0b3eb1b70b1ea9d268e
        `,
      },
      {
        from: "server",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          17fefd00010000000000030050  # header
          e73050ef22e11bcb0a64802101cb39d1  # IV
          9a1b996e2f342311fa84732e0c605477e5e49f1ef50dead2012e1dc28e05f65fc6eebd9ef559ea63
          bd3f369cc7b7208cd5c16d95f2f51d64985ffcce6f22393a
        `,
      },
      {
        from: "client",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          17fefd00010000000000040060  # header
          cd96680a4b5e47554e0cd58f1633271d  # IV
          f640ee7b31b62ca582c2b3b02e4fc99fa7d0b979186ce91731ca9334fea1563670bd736145f246ba
          0eb89a1f6ab84ba11eeedaeb71ed08e4ce358f0581f1b265051fc1b5b9241d2b23efd4b2437358f1
        `,
      },
      {
        from: "server",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          17fefd00010000000000040060  # header
          759d22ad464c89a9919e734de513e919  # IV
          91fcc507342af212bfca19328d44a9698a54f6eeacc9efa81cd9c5729e2b5c6f567f735aadfd1979
          cb6b69153e2a150281456430ca4670afd7e22eaaffb2b42362e9a3724d330b77d8a325b96d0785a5
        `,
      },
      {
        from: "client",
        type: "closeNotify",
        record: `
          15fefd00010000000000050040  # header
          734a983ae0880eb1de21ce914692369a  # IV
          416d984e1ff849a36bdadef870b4ea0d0a83d9b688b5ed6f29f87ef73eef7e7cdb16060eea137e7e
          cbd349c59dacd1ad
        `,
      },
    ],
  },
  {
    title: "PSK AES_128_CBC, encrypt-then-MAC, with Connection IDs",
    suite: 0x00ae,
    encryptThenMac: true,
    clientCid: "aabb",
    serverCid: "1122334455667788",
    psk: "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    extendedMasterSecret: true,
    masterSecret: "a65e56d4ddb559d83d06da5d28ab600da372f90470fb34e0bd67809b8bad043aa0988912237c0c3d147c3372f87d76d6",
    clientRandom: "6b046caa690e0396adfa12d4f9022da527928a24b997ff9a17e578625352e49e",
    serverRandom: "6b046caa35d487f1a8c0dcc44226758677d81f0aab48386b11e944d95fdffcac",
    handshake: `
      010000530000000000000053fefd6b046caa690e0396adfa12d4f9022da527928a24b997ff9a17e5  # ClientHello
      78625352e49e0000000400ae00ff01000025000d000e000c06030601050305010403040100360003
      02aabb001600000017000000230000
      020000620000000000000062fefd6b046caa35d487f1a8c0dcc44226758677d81f0aab48386b11e9  # ServerHello
      44d95fdffcac2045bda746aa3d16514421cee3140c48c0f10eee7c1eb3a4c518c9be684fb1504000
      ae00001aff01000100003600090811223344556677880016000000170000
      0e0000000001000000000000  # ServerHelloDone
      10000006000100000000000600046d626564  # ClientKeyExchange
    `,
    records: [
      {
        from: "client",
        type: "finished",
        record: `
          19fefd000100000000000011223344556677880060  # header
          82d2c98b5ecaee8e3313bba1b1a16b61  # IV
          3b7f751e789e35eff5a075fc296059f00d922a7bb4a5b16e5d048d7004eace282fb7b2edb8bfe9eb
          f6ccd6e02c8c184f3e2828b7f25a25d048e2d23c790761e06f5c69d4116c4c138180d4aa7c1c435b
        `,
      },
      {
        from: "server",
        type: "finished",
        record: `
          19fefd0001000000000000aabb0060  # header
          db1fab4b7d0ba5c3af6830839ef2f8b6  # IV
          a8ae68c70c25269b4321d1a5cd09166cf76078424cd0bfe863ddad311c8c9117f0653de8c2dddbab
          95a2d74de1151a4a9810b7251b5975427002c1a828d5b57ccf7ef7c4323a4f2123ecd0fd097782a9
        `,
      },
      {
        from: "client",
        type: "data",
        content: "CoAP",
        record: `
          19fefd000100000000000111223344556677880050  # header
          cc16fffd292ffde00c987879b99f3d4a  # IV
          690ad2b424b56ac53f89bd014350d6e20d26a42612849f83a8955430e5133b32621b0475619c09e7
          6217f75b785619ba068c661e22d503e8b7c1e3e656b4b235
        `,
      },
      {
        from: "server",
        type: "data",
        content: "CoAP",
        record: `
          19fefd0001000000000001aabb0050  # header
          660bd0bc29b09c417783ee9bffa2c61f  # IV
          074b7cdcbd1f803aa0edf4567ef7a0021664d77c0cdb58720dcb5d6ca5acb064fe59ec4c98d77963
          afceb8546ff987033c8e38279dc091010f15ded05152ce20
        `,
      },
      {
        from: "client",
        type: "data",
        content: "a",
        record: `
          19fefd000100000000000211223344556677880050  # header
          d876768436c615704e6a917b0db0ebf2  # IV
          cabe54aa1479649b856e9d07a48b5d1c6f897bcd619bdb60ef9e62d0b5e059e1f8613d7a24511c9e
          1650e518c05132e3ba4dcb08e0e9ec1fabb3d16aec5c6a9c
        `,
      },
      {
        from: "server",
        type: "data",
        content: "a",
        record: `
          19fefd0001000000000002aabb0050  # header
          d71023192f199d3eb7a1a834800c853a  # IV
          f2d8f3c0a40951a9d02bc616a9beec2daf1cd8c786069d3c7339114ecee72143fbc7f721140c0e64
          f28ac85742d3a2046a659f4a8e571eb792a5979a4f6df7cc
        `,
      },
      {
        from: "client",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          19fefd000100000000000311223344556677880060  # header
          9d4e492c8aa86fcaaefc1e24918ab8d5  # IV
          4f89c3d9fbc47875acfda9e3309f35f5f077d2c9e48f76258d66d4016a79df0cc1b89879c66fc8d2
          73f5a096b25c9496f7854ea9f8fe963135cd6bab0cf567484dcf332dbd6424cb2c459e090796bfa9
        `,
      },
      {
        from: "server",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          19fefd0001000000000003aabb0060  # header
          503e53b8e8a5d932e16d5ffe80d3055e  # IV
          caef2cb894e471ad4e2284448ddca374614862fc2cb38c357d8d75950d403f3f4e3df54c01e007e7
          eb6f1b0741de1da0f6561f081d6eb92a323e582f18433b75dd26472b8e5bf32d0180f884f34c1da3
        `,
      },
      {
        from: "client",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          19fefd000100000000000411223344556677880070  # header
          fd828d06ee0d18d47b10455a2e556d07  # IV
          6f12dac4f6d9456bf3eb564abdc4d135043728c21b0746e01e6b76bacda84f4052c41991114d0375
          ce91e04b1f24a6d2c2dcf73df114e00e26d37c297fd9b1a24e5d1d7c524a65b0c1fd048e802415e0
          bc26c3d659810d4eeeb3bf02d014da29
        `,
      },
      {
        from: "server",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          19fefd0001000000000004aabb0070  # header
          f245d1f9c8349d784fe5846a1707f3a5  # IV
          04d96757ad1b1252cf0d04cba52892cbef85de58c66c61c85e008481d4cb296595fec2adb3123056
          613734fefde0de45962c13f25b3fd8ba313bee9a365881715fd2cbf168fd5a3d119a21614ab8d457
          1129fcdedb15cb96f59aa4a9450dd080
        `,
      },
      {
        from: "client",
        type: "closeNotify",
        record: `
          19fefd000100000000000511223344556677880050  # header
          e12ce1e9be9949cf6ba25507e042059b  # IV
          713edec6740b6ad009c3670a5d6277e1f18043b024fc93f59626e49ed69754a477358db152bafa3d
          a0b007633e1a2900ecd3ed253373d293c2161f7286062242
        `,
      },
    ],
  },
  {
    title: "ECDHE_ECDSA AES_128_CCM_8, with Connection IDs",
    suite: 0xc0ae,
    encryptThenMac: false,
    clientCid: "aa",
    serverCid: "1122334455667788",
    psk: undefined,
    extendedMasterSecret: true,
    masterSecret: "dad91614433a4dc32eca4a24f51d6d6c8c9857d519e0ec736c3dc66fa072b36132e3d67d9643e7a6b94adc338c2fc5bd",
    clientRandom: "6b046caa265e1f31fd293baf13234e4b060e98b38a03ab88477bf22e02dd579b",
    serverRandom: "6b046caa7430363fcb39d5e919661ccf9b8b3d8fe995146749cfcf1ae582581c",
    handshake: `
      0100006e000000000000006efefd6b046caa265e1f31fd293baf13234e4b060e98b38a03ab88477b  # ClientHello
      f22e02dd579b00000004c0ae00ff01000040000a00120010001d00170018001e0019001a001b001c
      000d000e000c060306010503050104030401000b000201000036000201aa00160000001700000023
      0000
      020000640000000000000064fefd6b046caa7430363fcb39d5e919661ccf9b8b3d8fe995146749cf  # ServerHello
      cf1ae582581c2071e3d7fe37faf5dfd63312624bcadaece01f318b95f5bd9b12070dccbd1db581c0
      ae00001cff010001000036000908112233445566778800170000000b00020100
      0b000182000100000000018200017f00017c308201783082011da00302010202145656dd114c7f2f  # Certificate
      02237f3ce564d08c0466fa4e8f300a06082a8648ce3d0403023011310f300d06035504030c067365
      72766572301e170d3236313132333136343131335a170d3336313132303136343131335a3011310f
      300d06035504030c067365727665723059301306072a8648ce3d020106082a8648ce3d0301070342
      000480f3599db67a330cae686806dc996bb040af53a459e3c345eef820ccaa2d55e44bf4d7d4a650
      d350f3f9b9a3792491b4dae5e140fc63302711a8ad351dae5d58a3533051301d0603551d0e041604
      143d5e377427457e0e0edff12e3c8d4a54ca585f7b301f0603551d230418301680143d5e37742745
      7e0e0edff12e3c8d4a54ca585f7b300f0603551d130101ff040530030101ff300a06082a8648ce3d
      0403020349003046022100ef1f3058bd6f41a28ca38020e2fc01429e782a9cf27e71f42c5644cee2
      9bf479022100c414af4e9466642a4b29362a99a62fff14decb593c566a49cb614bf1415210db
      0c00006f000200000000006f03001d20f6762adcecaa39590988ce383a4f52c0ee805642e98668a2  # ServerKeyExchange
      e2e291b065296f6c06030047304502206481530981f75bb91433bd55a0913220f3481afaf56f21aa
      5c7ad51bb36fef04022100f0da7904d7d1584ac57d142542b17a1430a9533c1a1eeb445ead77e1d2
      a42a80
      0e0000000003000000000000  # ServerHelloDone
      1000002100010000000000212033bc0511fc78ec81b12c07d8b7d8efb86b323e3232031e9ae8672c  # ClientKeyExchange
      10abc78e60
    `,
    records: [
      {
        from: "client",
        type: "finished",
        record: `
          19fefd000100000000000011223344556677880030  # header
          0001000000000000  # explicit nonce
          362fcfc3d2b336a4033a527cc332a079be7a56b1980828d13edac2fe8c7d5eff0deea341395c5d20
        `,
      },
      {
        from: "server",
        type: "finished",
        record: `
          19fefd0001000000000000aa0030  # header
          0001000000000000  # explicit nonce
          79f72f01b64e72511bb2893b0462be974dae4f1c80fda6a55e2ba23f9fcfcfbbdc394e01b982c6aa
        `,
      },
      {
        from: "client",
        type: "data",
        content: "CoAP",
        record: `
          19fefd000100000000000111223344556677880020  # header
          0001000000000001  # explicit nonce
          0f0aa02dbed4d0ee8f42a332e576caff04c564e9f7d93e8e
        `,
      },
      {
        from: "server",
        type: "data",
        content: "CoAP",
        record: `
          19fefd0001000000000001aa0020  # header
          0001000000000001  # explicit nonce
          902c8d29b6c7df66c94982999588903730298c2b5bf6939b
        `,
      },
      {
        from: "client",
        type: "data",
        content: "a",
        record: `
          19fefd000100000000000211223344556677880020  # header
          0001000000000002  # explicit nonce
          2c90ec3ca38d0db57cfcc32e030d074f751b707ee3a02a60
        `,
      },
      {
        from: "server",
        type: "data",
        content: "a",
        record: `
          19fefd0001000000000002aa0020  # header
          0001000000000002  # explicit nonce
          142457a4a562984cfff4f4f6ac2dfafa998a6ed517fc2d57
        `,
      },
      {
        from: "client",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          19fefd000100000000000311223344556677880030  # header
          0001000000000003  # explicit nonce
          363a0d48b3652b2c9fdc4d1f038bbb14493dbdb219c40e822bf8ec9839b3323a8a82d483da2c72c9
        `,
      },
      {
        from: "server",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          19fefd0001000000000003aa0030  # header
          0001000000000003  # explicit nonce
          b14ffd2ce3a36815de322ae6fe4d56f9060ef2b033b719fd94158acbed1bb127a0cfdeb83469fdb3
        `,
      },
      {
        from: "client",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          19fefd000100000000000411223344556677880040  # header
          0001000000000004  # explicit nonce
          4827b569f5bb0c827f8cfbea5afc0350833b390fe9ed569abbfb70ddefa4d3eec1e136b9842d1104
          8f9ede547734d4c2861a55d151efeee7
        `,
      },
      {
        from: "server",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          19fefd0001000000000004aa0040  # header
          0001000000000004  # explicit nonce
          e4a460578ef8e1af5e931d87d36d02904863b34bc7a9e757ffeffa057809363111c72b0ed4247480
          fe5f14194d20bb81378cb919f2191001
        `,
      },
      {
        from: "client",
        type: "closeNotify",
        record: `
          19fefd000100000000000511223344556677880020  # header
          0001000000000005  # explicit nonce
          c45b9dbfd25e4ecac60383cbcd0048a028f71c4a7358fc38
        `,
      },
    ],
  },
  {
    title: "ECDHE_ECDSA AES_128_GCM",
    suite: 0xc02b,
    encryptThenMac: false,
    clientCid: "",
    serverCid: "",
    psk: undefined,
    extendedMasterSecret: true,
    masterSecret: "4ab46d2c82d2dc9fbea22047fdf52863205aee2805929f7b93edc4b8ab0e74042866859cfb3140659e60d204af0e770b",
    clientRandom: "6b046caabb3a0f1903e2add08ce76ca0947af016198c3c312be32e8b4709cba9",
    serverRandom: "6b046caa6f875816a6d8f64893cd9b8a76c58419331f326a5543dbf10f11455a",
    handshake: `
      010000680000000000000068fefd6b046caabb3a0f1903e2add08ce76ca0947af016198c3c312be3  # ClientHello
      2e8b4709cba900000004c02b00ff0100003a000a00120010001d00170018001e0019001a001b001c
      000d000e000c060306010503050104030401000b00020100001600000017000000230000
      020000570000000000000057fefd6b046caa6f875816a6d8f64893cd9b8a76c58419331f326a5543  # ServerHello
      dbf10f11455a2025456f5c30c2837301150ad63ba9d619971d2827b0d1e8d2465550fbf6461e46c0
      2b00000fff0100010000170000000b00020100
      0b000182000100000000018200017f00017c308201783082011da00302010202145656dd114c7f2f  # Certificate
      02237f3ce564d08c0466fa4e8f300a06082a8648ce3d0403023011310f300d06035504030c067365
      72766572301e170d3236313132333136343131335a170d3336313132303136343131335a3011310f
      300d06035504030c067365727665723059301306072a8648ce3d020106082a8648ce3d0301070342
      000480f3599db67a330cae686806dc996bb040af53a459e3c345eef820ccaa2d55e44bf4d7d4a650
      d350f3f9b9a3792491b4dae5e140fc63302711a8ad351dae5d58a3533051301d0603551d0e041604
      143d5e377427457e0e0edff12e3c8d4a54ca585f7b301f0603551d230418301680143d5e37742745
      7e0e0edff12e3c8d4a54ca585f7b300f0603551d130101ff040530030101ff300a06082a8648ce3d
      0403020349003046022100ef1f3058bd6f41a28ca38020e2fc01429e782a9cf27e71f42c5644cee2
      9bf479022100c414af4e9466642a4b29362a99a62fff14decb593c566a49cb614bf1415210db
      0c00006f000200000000006f03001d20aaa6f7efa6d8a938b31de263799e3d895106c7cc6d01a58c  # ServerKeyExchange
      2c8d7c1fb7f9946106030047304502200f62ecf15437823cb6d53b7ef91b79e244a7dc8ee3bbd442
      647b4a948330c2e40221008bca11186a2fc2305c1087404af3fb6083793dabdcf8f716373f377270
      2aba3a
      0e0000000003000000000000  # ServerHelloDone
      100000210001000000000021204038fc7a1712b86415083ea37d3707dd2dae38213423238d72577f  # ClientKeyExchange
      1ba44bed43
    `,
    records: [
      {
        from: "client",
        type: "finished",
        record: `
          16fefd00010000000000000030  # header
          0001000000000000  # explicit nonce
          c91839b809848c52017a667c984a8162cef848599d979cf1008d446779cb3c7e12396d3f510b7e4b
        `,
      },
      {
        from: "server",
        type: "finished",
        record: `
          16fefd00010000000000000030  # header
          0001000000000000  # explicit nonce
          b63361cf654a255ef6d957d3fe461ed50ce12e4c951c256ad59d95a4c3c8cb440f235e4704db4594
        `,
      },
      {
        from: "client",
        type: "data",
        content: "CoAP",
        record: `
          17fefd0001000000000001001c  # header
          0001000000000001  # explicit nonce
          d3d5ef34b88e118561f216bf16bb36ab4ca48f24
        `,
      },
      {
        from: "server",
        type: "data",
        content: "CoAP",
        record: `
          17fefd0001000000000001001c  # header
          0001000000000001  # explicit nonce
          08d8a41ac00572392e2ed884f89784271ebd9c52
        `,
      },
      {
        from: "client",
        type: "data",
        content: "a",
        record: `
          17fefd00010000000000020019  # header
          0001000000000002  # explicit nonce
          bf46a307d28711e46a883db58fe30bc074
        `,
      },
      {
        from: "server",
        type: "data",
        content: "a",
        record: `
          17fefd00010000000000020019  # header
          0001000000000002  # explicit nonce
          3e897dca52c07907fa55e8e5525d10858d
        `,
      },
      {
        from: "client",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          17fefd00010000000000030028  # header
          0001000000000003  # explicit nonce
          f274f9705ba879f438a6049ed8633261a32352e4f13aad94d99d6b54ef8d40de
        `,
      },
      {
        from: "server",
        type: "data",
        content: "sixteen bytes ok",
        record: `
          17fefd00010000000000030028  # header
          0001000000000003  # explicit nonce
          2c91f8467afef16554b7ac387df6eedf8f0bfca94836786d40d7e5a53a1f06f9
        `,
      },
      {
        from: "client",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          17fefd00010000000000040046  # header
          0001000000000004  # explicit nonce
          9db7991e6121741bd1b2fb40796e90ea08d9575442b7ec01820cf2a19cd39cd7c05870cbcfb6e464
          d9a855ae0a0b273872ad048e4e3d14f16293ae24dc94
        `,
      },
      {
        from: "server",
        type: "data",
        content: "Forty-seven bytes of content and nothing else.",
        record: `
          17fefd00010000000000040046  # header
          0001000000000004  # explicit nonce
          69952f37a565628d79e6ba6d3b17ffd7b2f3f8782b3f2c9fbcfc4d882d32fe71c8d043bac53d16c1
          856b080c1f7478d2921b5cd6063f2de0b5f2073fb756
        `,
      },
      {
        from: "client",
        type: "closeNotify",
        record: `
          15fefd0001000000000005001a  # header
          0001000000000005  # explicit nonce
          db2e098dc16a50f4fb7888047d52e2078ec5
        `,
      },
    ],
  },
];
