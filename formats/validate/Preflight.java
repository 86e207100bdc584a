import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.apache.pdfbox.preflight.PreflightDocument;
import org.apache.pdfbox.preflight.ValidationResult;
import org.apache.pdfbox.preflight.ValidationResult.ValidationError;
import org.apache.pdfbox.preflight.exception.SyntaxValidationException;
import org.apache.pdfbox.preflight.parser.PreflightParser;

/**
 * Apache PDFBox Preflight as a conversation: one path a line on stdin, one answer a line on stdout, until stdin ends.
 *
 * An answer is "valid" or "invalid" or "failed", then for each error a tab, its code, ":" and its words in Base64 (UTF-8).
 */
public final class Preflight {
    private static final int MOST_ERRORS = 200;

    public static void main(String[] arguments) throws Exception {
        PrintStream answers = new PrintStream(System.out, true, "UTF-8");
        System.setOut(System.err); // what the libraries print must not look like an answer
        BufferedReader paths = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        answers.println("ready " + version());
        for (String path = paths.readLine(); path != null; path = paths.readLine()) {
            answers.println(answer(new File(path)));
        }
    }

    private static String version() {
        String version = PreflightDocument.class.getPackage().getImplementationVersion();
        return version == null ? "unknown" : version;
    }

    private static String answer(File file) {
        List<ValidationError> errors = new ArrayList<>();
        try {
            boolean valid = validate(file, errors);
            return (valid ? "valid" : "invalid") + listed(errors);
        } catch (Throwable problem) { // the next file must be looked at whatever this one did
            return "failed\t-:" + encoded(problem.toString());
        }
    }

    private static boolean validate(File file, List<ValidationError> errors) throws Exception {
        PreflightParser parser = new PreflightParser(file);
        try {
            parser.parse();
            try (PreflightDocument document = parser.getPreflightDocument()) {
                document.validate();
                ValidationResult result = document.getResult();
                errors.addAll(result.getErrorsList());
                return result.isValid();
            }
        } catch (SyntaxValidationException problem) {
            errors.addAll(problem.getResult().getErrorsList());
            return false;
        }
    }

    private static String listed(List<ValidationError> errors) {
        StringBuilder words = new StringBuilder();
        for (ValidationError error : errors.subList(0, Math.min(errors.size(), MOST_ERRORS))) {
            words.append('\t').append(error.getErrorCode()).append(':').append(encoded(String.valueOf(error.getDetails())));
        }
        return words.toString();
    }

    private static String encoded(String words) {
        return Base64.getEncoder().encodeToString(words.getBytes(StandardCharsets.UTF_8));
    }
}
