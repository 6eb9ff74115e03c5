import { EditorScreen } from "../editor/EditorScreen";
import type { Session } from "../session/session";
import { PublishActions } from "./PublishActions";

/** The editor, with what is done with a workflow when it is edited. */
export default function EditorPage({ session }: { session: Session }) {
  return (
    <EditorScreen
      permissions={session.permissions}
      renderActions={(editor) => <PublishActions editor={editor} session={session} />}
    />
  );
}
