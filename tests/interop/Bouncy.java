import java.io.FileReader;
import java.security.PrivateKey;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Security;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import org.bouncycastle.asn1.ASN1Encoding;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaCertStore;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cms.CMSAlgorithm;
import org.bouncycastle.cms.CMSAuthEnvelopedData;
import org.bouncycastle.cms.CMSAuthEnvelopedDataGenerator;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.CMSSignedDataGenerator;
import org.bouncycastle.cms.RecipientInformation;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.cms.jcajce.JceCMSContentEncryptorBuilder;
import org.bouncycastle.cms.jcajce.JceKeyAgreeEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JceKeyAgreeRecipientId;
import org.bouncycastle.cms.jcajce.JceKeyAgreeRecipientInfoGenerator;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.PEMKeyPair;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.operator.OutputAEADEncryptor;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

/**
 * BouncyCastle as another implementation of CMS: standard input to standard output.
 *
 *     open CERTIFICATE KEY     AuthEnvelopedData to its content, as that reader
 *     verify ANCHOR            SignedData to its content; signer and chain are checked
 *     seal READER...           content to AuthEnvelopedData, AES-128-GCM, one KeyAgreeRecipientInfo
 *     sign CERTIFICATE KEY     content to SignedData with the content in it
 *
 * Exit status 1 when it cannot, with the reason on standard error.
 */
public final class Bouncy {
    private static final String BC = "BC";

    public static void main(String[] words) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        byte[] input = System.in.readAllBytes();
        List<String> files = Arrays.asList(words).subList(1, words.length);
        byte[] output;
        switch (words[0]) {
            case "open": output = open(input, certificate(files.get(0)), key(files.get(1))); break;
            case "verify": output = verify(input, certificate(files.get(0))); break;
            case "seal": output = seal(input, files); break;
            case "sign": output = sign(input, certificate(files.get(0)), key(files.get(1))); break;
            default: throw new IllegalArgumentException(words[0]);
        }
        System.out.write(output);
        System.out.flush();
    }

    private static X509Certificate certificate(String file) throws Exception {
        try (PEMParser parser = new PEMParser(new FileReader(file))) {
            X509CertificateHolder holder = (X509CertificateHolder) parser.readObject();
            return new JcaX509CertificateConverter().setProvider(BC).getCertificate(holder);
        }
    }

    private static PrivateKey key(String file) throws Exception {
        try (PEMParser parser = new PEMParser(new FileReader(file))) {
            for (Object object = parser.readObject(); object != null; object = parser.readObject()) {
                PrivateKeyInfo info = null;
                if (object instanceof PrivateKeyInfo) {
                    info = (PrivateKeyInfo) object;
                } else if (object instanceof PEMKeyPair) {
                    info = ((PEMKeyPair) object).getPrivateKeyInfo();
                }
                if (info != null) {
                    return new JcaPEMKeyConverter().setProvider(BC).getPrivateKey(info);
                }
            }
        }
        throw new IllegalArgumentException("no private key in " + file);
    }

    private static byte[] open(byte[] der, X509Certificate certificate, PrivateKey key) throws Exception {
        CMSAuthEnvelopedData sealed = new CMSAuthEnvelopedData(der);
        RecipientInformation mine = sealed.getRecipientInfos().get(new JceKeyAgreeRecipientId(certificate));
        if (mine == null) {
            throw new IllegalArgumentException("not a reader");
        }
        return mine.getContent(new JceKeyAgreeEnvelopedRecipient(key).setProvider(BC));
    }

    private static byte[] verify(byte[] der, X509Certificate anchor) throws Exception {
        CMSSignedData signed = new CMSSignedData(der);
        Collection<SignerInformation> signers = signed.getSignerInfos().getSigners();
        if (signers.size() != 1) {
            throw new IllegalArgumentException(signers.size() + " signers");
        }
        SignerInformation signer = signers.iterator().next();
        @SuppressWarnings("unchecked")
        Collection<X509CertificateHolder> found = signed.getCertificates().getMatches(signer.getSID());
        X509Certificate certificate =
            new JcaX509CertificateConverter().setProvider(BC).getCertificate(found.iterator().next());
        certificate.verify(anchor.getPublicKey(), BC);
        certificate.checkValidity();
        if (!signer.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider(BC).build(certificate))) {
            throw new IllegalArgumentException("the signature does not verify");
        }
        return (byte[]) signed.getSignedContent().getContent();
    }

    private static byte[] seal(byte[] content, List<String> readers) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC", BC);
        generator.initialize(new ECGenParameterSpec("P-256"));
        KeyPair ephemeral = generator.generateKeyPair();
        // dhSinglePass-stdDH-sha256kdf-scheme with AES-128 key wrap (RFC 5753)
        JceKeyAgreeRecipientInfoGenerator recipients = new JceKeyAgreeRecipientInfoGenerator(
            CMSAlgorithm.ECDH_SHA256KDF, ephemeral.getPrivate(), ephemeral.getPublic(), CMSAlgorithm.AES128_WRAP);
        for (String reader : readers) {
            recipients.addRecipient(certificate(reader));
        }
        CMSAuthEnvelopedDataGenerator maker = new CMSAuthEnvelopedDataGenerator();
        maker.addRecipientInfoGenerator(recipients.setProvider(BC));
        CMSAuthEnvelopedData sealed = maker.generate(new CMSProcessableByteArray(content), (OutputAEADEncryptor)
            new JceCMSContentEncryptorBuilder(CMSAlgorithm.AES128_GCM).setProvider(BC).build());
        return sealed.toASN1Structure().getEncoded(ASN1Encoding.DER);
    }

    private static byte[] sign(byte[] content, X509Certificate certificate, PrivateKey key) throws Exception {
        CMSSignedDataGenerator maker = new CMSSignedDataGenerator();
        maker.addSignerInfoGenerator(new JcaSignerInfoGeneratorBuilder(
            new JcaDigestCalculatorProviderBuilder().setProvider(BC).build()).build(
                new JcaContentSignerBuilder("SHA256withECDSA").setProvider(BC).build(key), certificate));
        maker.addCertificates(new JcaCertStore(List.of(certificate)));
        CMSSignedData signed = maker.generate(new CMSProcessableByteArray(content), true);
        return signed.toASN1Structure().getEncoded(ASN1Encoding.DER);
    }
}
